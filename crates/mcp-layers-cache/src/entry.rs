//! A stored answer.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use mcp_layers_core::{CacheHint, CacheScope, StoredResponse, Trail};

use crate::epoch::Snapshot;

/// An answer, without its trail and addressed to nobody yet. Whoever is given it gets a copy.
pub(crate) struct Entry {
    /// Of the type of whatever service stored it.
    response: Box<dyn Any + Send + Sync>,
    /// The hint that the answer carries, found once.
    hint: CacheHint,
    pub(crate) scope: CacheScope,
    pub(crate) time_to_live: Duration,
    /// How old it was when it came here.
    age: Duration,
    came: Instant,
    pub(crate) snapshot: Snapshot,
    /// What it is an answer about, where a prefix can be invalidated.
    pub(crate) uri: Option<Box<str>>,
    pub(crate) size: u32,
    _counted: Counted,
}

/// What is known of an answer besides itself.
pub(crate) struct Facts {
    pub(crate) scope: CacheScope,
    pub(crate) time_to_live: Duration,
    pub(crate) age: Duration,
    pub(crate) now: Instant,
    pub(crate) snapshot: Snapshot,
    pub(crate) uri: Option<Box<str>>,
    pub(crate) size: u32,
}

impl Entry {
    /// Copies the response, which keeps its trail.
    pub(crate) fn new<Res: StoredResponse>(
        response: &mut Res,
        facts: Facts,
        bytes: &Arc<AtomicU64>,
    ) -> Self {
        let trail = std::mem::take(response.trail_mut());
        let stored = response.clone();
        *response.trail_mut() = trail;
        Self::owned(stored, facts, bytes)
    }

    /// Keeps a response whose trail is empty.
    pub(crate) fn owned<Res: StoredResponse>(
        response: Res,
        facts: Facts,
        bytes: &Arc<AtomicU64>,
    ) -> Self {
        debug_assert!(*response.trail() == Trail::new());
        Self {
            hint: response.cache_hint(),
            response: Box::new(response),
            scope: facts.scope,
            time_to_live: facts.time_to_live,
            age: facts.age,
            came: facts.now,
            snapshot: facts.snapshot,
            uri: facts.uri,
            size: facts.size,
            _counted: Counted::new(bytes, facts.size),
        }
    }

    pub(crate) fn age(&self, now: Instant) -> Duration {
        self.age
            .saturating_add(now.saturating_duration_since(self.came))
    }

    /// How long ago it became stale; `None` while it is fresh.
    pub(crate) fn stale_for(&self, now: Instant) -> Option<Duration> {
        self.age(now).checked_sub(self.time_to_live)
    }

    /// The answer to another request, `ttlMs` lowered by its age. `None` where the entry belongs
    /// to a service with responses of another type.
    pub(crate) fn respond<Res: StoredResponse>(
        &self,
        to: Res::ReplyTo,
        age: Duration,
    ) -> Option<Res> {
        let stored: &Res = self.response.downcast_ref()?;
        let mut response = stored.clone().readdress(to);
        if let Some(ttl_ms) = self.hint.ttl_ms {
            let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            if ttl_ms.min(age_ms) > 0 {
                let left = CacheHint::new(Some(ttl_ms.saturating_sub(age_ms)), self.hint.scope);
                response.set_cache_hint(left);
            }
        }
        Some(response)
    }
}

/// Counts the bytes of the entries that exist, wherever they are.
struct Counted {
    bytes: Arc<AtomicU64>,
    size: u64,
}

impl Counted {
    fn new(bytes: &Arc<AtomicU64>, size: u32) -> Self {
        let size = u64::from(size);
        bytes.fetch_add(size, Relaxed);
        Self {
            bytes: Arc::clone(bytes),
            size,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.bytes.fetch_sub(self.size, Relaxed);
    }
}
