//! One part of the table of keys.

use hashbrown::HashTable;

use crate::{Quota, gcra::Meter};

/// How many keys a new one looks at, at most, to take the place of one with a full budget.
const LOOK_AT: usize = 16;

/// A key: 128 bits of a keyed hash. Nobody who does not know its secret can make two collide.
pub(crate) type Key = [u64; 2];

/// One part of the table: keys in a vector, which is walked in turn to find one that can go, and an
/// index of it.
#[derive(Debug)]
pub(super) struct Shard {
    entries: Vec<Entry>,
    index: HashTable<u32>,
    max_keys: usize,
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    key: Key,
    /// Of the rule to which the key belongs.
    meter: Meter,
}

/// Where a key stands, as long as the shard is locked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot(u32);

impl Shard {
    pub(super) fn new(max_keys: usize) -> Self {
        Self {
            entries: Vec::new(),
            index: HashTable::new(),
            max_keys,
            next: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Finds the key, or makes room for it and pins it there; `None` when there is no room.
    #[inline]
    pub(super) fn find(&mut self, key: Key, rule: impl FnOnce() -> u32, now: u64) -> Option<Slot> {
        let entries = &self.entries;
        let same = |index: &u32| {
            entries
                .get(*index as usize)
                .is_some_and(|entry| entry.key == key)
        };
        if let Some(index) = self.index.find(key[1], same) {
            return Some(Slot(*index));
        }
        self.insert(key, rule(), now)
    }

    #[cold]
    fn insert(&mut self, key: Key, rule: u32, now: u64) -> Option<Slot> {
        let entry = Entry {
            key,
            meter: Meter::pinned(rule),
        };
        let index = if self.entries.len() < self.max_keys {
            if self.entries.len() == self.entries.capacity() {
                // Twice as many, but never more than there may be.
                let more = self.entries.len().max(16);
                self.entries
                    .reserve_exact(more.min(self.max_keys - self.entries.len()));
            }
            self.entries.push(entry);
            u32::try_from(self.entries.len() - 1).ok()?
        } else {
            self.replace_full(entry, now)?
        };
        let entries = &self.entries;
        let hash = |index: &u32| entries.get(*index as usize).map_or(0, |entry| entry.key[1]);
        self.index.insert_unique(key[1], index, hash);
        Some(Slot(index))
    }

    /// The meter, by this quota.
    pub(super) fn meter(&self, slot: Slot, now: u64, quota: Quota) -> Meter {
        let entry = self.entries.get(slot.0 as usize);
        let mut meter = entry.map_or_else(Meter::default, |entry| entry.meter.unpinned());
        meter.convert(now, quota);
        meter
    }

    /// Ends what [`Shard::find`] began.
    pub(super) fn settle(&mut self, slot: Slot, meter: Meter) {
        if let Some(entry) = self.entries.get_mut(slot.0 as usize) {
            entry.meter = meter;
        }
    }

    /// Goes over to another quota of a rule.
    pub(super) fn convert(&mut self, rule: u32, now: u64, quota: Quota) {
        let meters = self.entries.iter_mut().map(|entry| &mut entry.meter);
        let of_rule = meters.filter(|meter| meter.rule == rule);
        of_rule.for_each(|meter| meter.convert(now, quota));
    }

    /// Puts the entry in the place of one with a full budget, which is as good as none.
    fn replace_full(&mut self, entry: Entry, now: u64) -> Option<u32> {
        for _ in 0..LOOK_AT.min(self.entries.len()) {
            let at = self.next;
            self.next = (at + 1) % self.entries.len();
            let old = self.entries.get_mut(at)?;
            if old.meter.is_full(now) {
                let gone = std::mem::replace(old, entry).key;
                let at = u32::try_from(at).ok()?;
                if let Ok(found) = self.index.find_entry(gone[1], |index| *index == at) {
                    found.remove();
                }
                return Some(at);
            }
        }
        None
    }
}
