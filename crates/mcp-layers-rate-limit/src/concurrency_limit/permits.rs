//! The requests in flight of each key.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

/// The requests in flight of each key, by a hash with a random secret. A key without any is not in
/// the table.
#[derive(Debug, Default)]
pub(super) struct Permits {
    /// The limit that replaces the layer's; zero for none.
    replaced: AtomicUsize,
    in_flight: Mutex<HashMap<u64, usize>>,
    hasher: RandomState,
    refused: AtomicU64,
}

/// One place among the requests in flight, given back on drop.
#[derive(Debug)]
pub(super) struct Permit {
    permits: Arc<Permits>,
    key: u64,
}

impl Permits {
    /// A place for the key, if one is left.
    pub(super) fn acquire(permits: &Arc<Self>, key: &[u8], max: usize) -> Option<Permit> {
        let key = permits.hasher.hash_one(key);
        let mut in_flight = permits.lock();
        let used = in_flight.entry(key).or_default();
        if *used >= max {
            permits.refused.fetch_add(1, Relaxed);
            return None;
        }
        *used += 1;
        drop(in_flight);
        let permits = Arc::clone(permits);
        Some(Permit { permits, key })
    }

    /// The most calls in flight of each key, `max` unless it was replaced.
    pub(super) fn max_in_flight(&self, max: usize) -> usize {
        match self.replaced.load(Relaxed) {
            0 => max,
            replaced => replaced,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, usize>> {
        self.in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Entry::Occupied(mut used) = self.permits.lock().entry(self.key) {
            *used.get_mut() -= 1;
            if *used.get() == 0 {
                used.remove();
            }
        }
    }
}

/// A handle that sets the limit and reads counters while the server runs. Clones share the limit.
#[derive(Debug, Clone)]
pub struct ConcurrencyLimitHandle(pub(super) Arc<Permits>);

/// Counters and gauges of a concurrency limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConcurrencyLimitStats {
    /// Requests in flight; long-lived ones only if they are limited.
    pub in_flight: usize,
    /// Keys that have requests in flight. No other key takes memory.
    pub keys: usize,
    /// Requests refused.
    pub refused: u64,
}

impl ConcurrencyLimitHandle {
    /// Sets the limit of calls at once for each key, from the next call on. Calls in flight keep their
    /// places, also those beyond a smaller limit.
    pub fn set_max_in_flight(&self, max_in_flight: NonZeroUsize) {
        self.0.replaced.store(max_in_flight.get(), Relaxed);
    }

    /// Counters and gauges of the limit.
    #[must_use]
    pub fn stats(&self) -> ConcurrencyLimitStats {
        let in_flight = self.0.lock();
        ConcurrencyLimitStats {
            in_flight: in_flight.values().sum(),
            keys: in_flight.len(),
            refused: self.0.refused.load(Relaxed),
        }
    }
}
