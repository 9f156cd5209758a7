//! What the cache did, counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub use mcp_layers_core::BypassReason as Bypass;

/// Why an answer was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotStored {
    /// It is an error, asks for input, or says that a task goes on.
    Outcome,
    /// It has no hint, or one that makes it stale at once.
    StaleAtOnce,
    /// It is private, and the authorization context is not known.
    NoContext,
    /// It is larger than an entry may be.
    TooLarge,
    /// What it says was invalidated while it was made.
    Invalidated,
}

impl NotStored {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::Outcome,
        Self::StaleAtOnce,
        Self::NoContext,
        Self::TooLarge,
        Self::Invalidated,
    ];
}

/// Why an entry went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Eviction {
    /// There was no room, for it or for another one.
    Size,
    /// It was too old to be served even as a stale one.
    Expired,
    /// It was invalidated. Counted when it is looked at next.
    Invalidated,
    /// A newer answer took its place.
    Replaced,
}

impl Eviction {
    /// Every cause.
    pub const ALL: [Self; 4] = [Self::Size, Self::Expired, Self::Invalidated, Self::Replaced];
}

/// What the second level did for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreEvent {
    /// It had the answer.
    Hit,
    /// It had none.
    Miss,
    /// It could not be reached in time.
    Unreachable,
    /// What it had could not be read.
    Garbage,
}

impl StoreEvent {
    /// Every event.
    pub const ALL: [Self; 4] = [Self::Hit, Self::Miss, Self::Unreachable, Self::Garbage];
}

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    stale: AtomicU64,
    coalesced: AtomicU64,
    bypassed: [AtomicU64; Bypass::ALL.len()],
    not_stored: [AtomicU64; NotStored::ALL.len()],
    evicted: [AtomicU64; Eviction::ALL.len()],
    store: [AtomicU64; StoreEvent::ALL.len()],
}

impl Counts {
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

    pub(crate) fn bypassed(&self, why: Bypass) {
        self.bypassed[why as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn not_stored(&self, why: NotStored) {
        self.not_stored[why as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn evicted(&self, why: Eviction) {
        self.evicted[why as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn store(&self, event: StoreEvent) {
        self.store[event as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self, entries: u64, bytes: u64) -> Stats {
        let all = |counts: &[AtomicU64]| counts.iter().map(|count| count.load(Relaxed)).collect();
        Stats {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            stale: self.stale.load(Relaxed),
            coalesced: self.coalesced.load(Relaxed),
            entries,
            bytes,
            bypassed: all(&self.bypassed),
            not_stored: all(&self.not_stored),
            evicted: all(&self.evicted),
            store: all(&self.store),
        }
    }
}

/// What a cache has done so far, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Answers from memory or from the second level that were fresh.
    pub hits: u64,
    /// Requests that went on to the inner service.
    pub misses: u64,
    /// Answers that were stale, and served all the same.
    pub stale: u64,
    /// Answers that another request brought while this one waited for it.
    pub coalesced: u64,
    /// Entries that there are; invalidated ones count until they are looked at or evicted.
    pub entries: u64,
    /// The bytes of all entries and their keys.
    pub bytes: u64,
    bypassed: Vec<u64>,
    not_stored: Vec<u64>,
    evicted: Vec<u64>,
    store: Vec<u64>,
}

impl Stats {
    /// Requests in which the cache had no say for this reason.
    #[must_use]
    pub fn bypassed(&self, why: Bypass) -> u64 {
        self.bypassed[why as usize]
    }

    /// Answers that were not kept for this reason.
    #[must_use]
    pub fn not_stored(&self, why: NotStored) -> u64 {
        self.not_stored[why as usize]
    }

    /// Entries that went for this reason.
    #[must_use]
    pub fn evicted(&self, why: Eviction) -> u64 {
        self.evicted[why as usize]
    }

    /// How often the second level did this.
    #[must_use]
    pub fn store(&self, event: StoreEvent) -> u64 {
        self.store[event as usize]
    }
}
