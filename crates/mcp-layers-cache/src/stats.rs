//! Counters, and their read-out.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

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
pub(crate) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    stale: AtomicU64,
    coalesced: AtomicU64,
    wait_timeouts: AtomicU64,
    bytes: AtomicU64,
    bypassed: [AtomicU64; BypassReason::ALL.len()],
    not_stored: [AtomicU64; NotStored::COUNT],
    evicted: [AtomicU64; Eviction::COUNT],
    store: [AtomicU64; StoreEvent::COUNT],
}

impl Counters {
    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Relaxed);
    }

    pub(crate) fn miss(&self) {
        self.misses.fetch_add(1, Relaxed);
    }

    pub(crate) fn stale(&self) {
        self.stale.fetch_add(1, Relaxed);
    }

    pub(crate) fn coalesced(&self) {
        self.coalesced.fetch_add(1, Relaxed);
    }

    pub(crate) fn wait_timeout(&self) {
        self.wait_timeouts.fetch_add(1, Relaxed);
    }

    pub(crate) fn inserted(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn removed(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    pub(crate) fn bypassed(&self, reason: BypassReason) {
        self.bypassed[reason as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn not_stored(&self, reason: NotStored) {
        self.not_stored[reason as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn evicted(&self, reason: Eviction) {
        self.evicted[reason as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn store(&self, event: StoreEvent) {
        self.store[event as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self, entries: u64) -> Stats {
        fn all<const N: usize>(counters: &[AtomicU64; N]) -> [u64; N] {
            std::array::from_fn(|at| counters[at].load(Relaxed))
        }
        Stats {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            stale: self.stale.load(Relaxed),
            coalesced: self.coalesced.load(Relaxed),
            wait_timeouts: self.wait_timeouts.load(Relaxed),
            entries,
            bytes: self.bytes.load(Relaxed),
            bypassed: all(&self.bypassed),
            not_stored: all(&self.not_stored),
            evicted: all(&self.evicted),
            store: all(&self.store),
        }
    }
}

/// A snapshot of a cache: counters since it was made, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    bypassed: [u64; BypassReason::ALL.len()],
    not_stored: [u64; NotStored::COUNT],
    evicted: [u64; Eviction::COUNT],
    store: [u64; StoreEvent::COUNT],
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
