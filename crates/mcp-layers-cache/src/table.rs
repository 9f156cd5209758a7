//! Where entries are kept: moka, bounded by bytes and by number.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use foldhash::quality::RandomState;
use moka::{notification::RemovalCause, sync::Cache as Moka};

use crate::{
    entry::Entry,
    stats::{Counts, Eviction},
};

/// Keys are compared byte by byte; callers choose their arguments, so that a hash that is fast and
/// keyed is not enough by itself.
pub(crate) struct Table {
    slots: Moka<Arc<[u8]>, Arc<Slot>, RandomState>,
}

/// moka frees a value some time after it has evicted it. What is in a slot is freed at once.
struct Slot {
    size: u32,
    entry: ArcSwapOption<Entry>,
}

impl Slot {
    fn new(entry: Arc<Entry>) -> Self {
        Self {
            size: entry.size,
            entry: ArcSwapOption::new(Some(entry)),
        }
    }
}

/// What was found, without a count of its own. What is in it is copied outside of any lock.
pub(crate) struct Held(Guard<Option<Arc<Entry>>>);

impl Held {
    /// The entry, if it was not evicted in the very moment.
    #[inline]
    pub(crate) fn entry(&self) -> Option<&Arc<Entry>> {
        self.0.as_ref()
    }
}

impl Table {
    /// An entry weighs at least its share of the bytes, so that there are never more than
    /// `max_entries`.
    pub(crate) fn new(max_bytes: u64, max_entries: u64, counts: &Arc<Counts>) -> Self {
        let share = u32::try_from(max_bytes / max_entries).unwrap_or(u32::MAX);
        let counts = Arc::clone(counts);
        let slots = Moka::builder()
            .max_capacity(max_bytes)
            .weigher(move |_: &Arc<[u8]>, slot: &Arc<Slot>| slot.size.max(share))
            .eviction_listener(move |_, slot: Arc<Slot>, cause| {
                slot.entry.store(None);
                match cause {
                    RemovalCause::Size => counts.evicted(Eviction::Size),
                    RemovalCause::Replaced => counts.evicted(Eviction::Replaced),
                    // Counted where it is known why.
                    RemovalCause::Explicit | RemovalCause::Expired => {}
                }
            })
            .build_with_hasher(RandomState::default());
        Self { slots }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Held> {
        Some(Held(self.slots.get(key)?.entry.load()))
    }

    pub(crate) fn insert(&self, key: Arc<[u8]>, entry: Arc<Entry>) {
        self.slots.insert(key, Arc::new(Slot::new(entry)));
        // moka evicts now and then; here the bound holds after every insertion.
        self.slots.run_pending_tasks();
    }

    pub(crate) fn remove(&self, key: &[u8]) {
        self.slots.invalidate(key);
    }

    pub(crate) fn clear(&self) {
        self.slots.invalidate_all();
        self.slots.run_pending_tasks();
    }

    pub(crate) fn len(&self) -> u64 {
        self.slots.run_pending_tasks();
        self.slots.entry_count()
    }
}
