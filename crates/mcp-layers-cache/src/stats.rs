//! Counters, and their read-out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mcp_layers_core::trail::BypassReason;

/// The reason why a result was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotStored {
    /// An error, a tool error, a request for input, or a task.
    Outcome,
    /// No hint, or one that makes the result stale at once.
    StaleAtOnce,
    /// Private, and the caller has no authorization context.
    NoContext,
    /// Larger than the largest entry.
    TooLarge,
    /// Invalidated while the request was running.
    Invalidated,
}

impl NotStored {
    const COUNT: usize = 5;
}

/// The reason why an entry was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Eviction {
    /// No room, for the entry or for another one.
    Size,
    /// Too old, also for a stale answer.
    Expired,
    /// Invalidated; counted when the entry is next looked up.
    Invalidated,
    /// Replaced by a newer result.
    Replaced,
}

impl Eviction {
    const COUNT: usize = 4;
}

/// The outcome of a lookup in the second level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreEvent {
    /// The entry was found.
    Hit,
    /// The store had no entry.
    Miss,
    /// The store could not be reached in time.
    Unreachable,
    /// The entry could not be read.
    Garbage,
}

impl StoreEvent {
    const COUNT: usize = 4;
}

/// The counters, updated on the path of requests.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Stats>);

impl Counters {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Stats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A snapshot of a cache: counters since it was made, and its size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Fresh answers from memory or from the second level.
    pub hits: u64,
    /// Requests that the inner service ran.
    pub misses: u64,
    /// Stale answers that were served.
    pub stale: u64,
    /// Answers shared with a request that was already running.
    pub coalesced: u64,
    /// Requests that waited for another one as long as
    /// [`CacheLayer::max_wait`](crate::CacheLayer::max_wait) allows.
    pub wait_timeouts: u64,
    /// Entries in memory. Invalidated ones count until they are looked up or evicted.
    pub entries: u64,
    /// Bytes of all entries in memory, their keys included.
    pub bytes: u64,
    pub(crate) bypassed: [u64; BypassReason::ALL.len()],
    pub(crate) not_stored: [u64; NotStored::COUNT],
    pub(crate) evicted: [u64; Eviction::COUNT],
    pub(crate) store: [u64; StoreEvent::COUNT],
}

impl Stats {
    /// Returns the number of requests that bypassed the cache for this reason.
    #[must_use]
    pub fn bypassed(&self, reason: BypassReason) -> u64 {
        self.bypassed[reason as usize]
    }

    /// Returns the number of results that were not stored for this reason.
    #[must_use]
    pub fn not_stored(&self, reason: NotStored) -> u64 {
        self.not_stored[reason as usize]
    }

    /// Returns the number of entries that were removed for this reason.
    #[must_use]
    pub fn evicted(&self, reason: Eviction) -> u64 {
        self.evicted[reason as usize]
    }

    /// Returns the number of lookups in the second level that ended like this.
    #[must_use]
    pub fn store(&self, event: StoreEvent) -> u64 {
        self.store[event as usize]
    }
}
