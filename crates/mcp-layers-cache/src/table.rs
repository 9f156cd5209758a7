//! Where entries are kept: moka, bounded by bytes and by number.

use std::sync::Arc;

use foldhash::quality::RandomState;
use moka::{notification::RemovalCause, sync::Cache as Moka};

use crate::{
    entry::Entry,
    stats::{Counts, Eviction},
};

/// Keys are compared byte by byte; callers choose their arguments, so that a hash that is fast and
/// keyed is not enough by itself.
pub(crate) struct Table {
    entries: Moka<Arc<[u8]>, Arc<Entry>, RandomState>,
}

impl Table {
    /// An entry weighs at least its share of the bytes, so that there are never more than
    /// `max_entries`.
    pub(crate) fn new(max_bytes: u64, max_entries: u64, counts: &Arc<Counts>) -> Self {
        let share = u32::try_from(max_bytes / max_entries).unwrap_or(u32::MAX);
        let counts = Arc::clone(counts);
        let entries = Moka::builder()
            .max_capacity(max_bytes)
            .weigher(move |_: &Arc<[u8]>, entry: &Arc<Entry>| entry.size.max(share))
            .eviction_listener(move |_, _, cause| match cause {
                RemovalCause::Size => counts.evicted(Eviction::Size),
                RemovalCause::Replaced => counts.evicted(Eviction::Replaced),
                // Counted where it is known why.
                RemovalCause::Explicit | RemovalCause::Expired => {}
            })
            .build_with_hasher(RandomState::default());
        Self { entries }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Arc<Entry>> {
        self.entries.get(key)
    }

    pub(crate) fn insert(&self, key: Arc<[u8]>, entry: Arc<Entry>) {
        self.entries.insert(key, entry);
        // moka evicts now and then; here the bound holds after every insertion.
        self.entries.run_pending_tasks();
    }

    pub(crate) fn remove(&self, key: &[u8]) {
        self.entries.invalidate(key);
    }

    pub(crate) fn clear(&self) {
        self.entries.invalidate_all();
    }

    pub(crate) fn len(&self) -> u64 {
        self.entries.run_pending_tasks();
        self.entries.entry_count()
    }
}
