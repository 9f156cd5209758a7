//! The entries of this process, in moka.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use moka::{notification::RemovalCause, sync::Cache as Moka};

use crate::{Eviction, entry::Entry, stats::Counters};

/// The share of the capacity that may be inserted before moka has to make room for it.
const PENDING_SHARE: u64 = 64;

/// Bounded by bytes and by number of entries; moka decides which entries go first (TinyLFU).
pub(crate) struct Memory {
    entries: Moka<Arc<[u8]>, Arc<Entry>>,
    counters: Arc<Counters>,
    /// The bytes that were inserted since moka last made room.
    pending: AtomicU64,
    max_pending: u64,
}

impl Memory {
    pub(crate) fn new(max_bytes: u64, max_entries: u64, counters: &Arc<Counters>) -> Self {
        // Pending entries count too, so that all together stay within the bound.
        let max_pending = max_bytes / PENDING_SHARE;
        let capacity = max_bytes - max_pending;
        // An entry weighs at least its share, which bounds the number of entries.
        let share = u32::try_from(capacity / max_entries).unwrap_or(u32::MAX);
        let on_eviction = Arc::clone(counters);
        let entries = Moka::builder()
            .max_capacity(capacity)
            .weigher(move |_: &Arc<[u8]>, entry: &Arc<Entry>| entry.facts.size.max(share))
            .eviction_listener(move |_, entry: Arc<Entry>, cause| {
                let mut stats = on_eviction.lock();
                stats.bytes -= u64::from(entry.facts.size);
                match cause {
                    RemovalCause::Size => stats.evicted[Eviction::Size as usize] += 1,
                    RemovalCause::Replaced => stats.evicted[Eviction::Replaced as usize] += 1,
                    // Counted by the caller, which knows the reason.
                    RemovalCause::Explicit | RemovalCause::Expired => {}
                }
            })
            .build();
        Self {
            entries,
            counters: Arc::clone(counters),
            pending: AtomicU64::new(0),
            max_pending,
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Arc<Entry>> {
        self.entries.get(key)
    }

    pub(crate) fn insert(&self, entry: Arc<Entry>) {
        let size = u64::from(entry.facts.size);
        self.counters.lock().bytes += size;
        self.entries.insert(Arc::clone(&entry.facts.key), entry);
        if self.pending.fetch_add(size, Relaxed) + size > self.max_pending {
            self.make_room();
        }
    }

    pub(crate) fn remove(&self, key: &[u8]) {
        self.entries.invalidate(key);
    }

    pub(crate) fn clear(&self) {
        self.entries.invalidate_all();
        self.make_room();
    }

    /// Returns the number of entries.
    pub(crate) fn len(&self) -> u64 {
        self.make_room();
        self.entries.entry_count()
    }

    fn make_room(&self) {
        self.pending.store(0, Relaxed);
        self.entries.run_pending_tasks();
    }
}
