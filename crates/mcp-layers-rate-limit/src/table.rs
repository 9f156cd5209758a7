//! The bounded table of buckets.

use std::{collections::HashMap, num::NonZeroU32, ops::Range, time::Duration};

use governor::Quota;
use mcp_layers_core::KeyHasher;

use crate::{bucket::Bucket, store::Verdict};

/// Entries that a new key looks at, at most, to take the place of a full bucket.
const LOOK_AT: usize = 16;

/// A bounded table of buckets, by the hashes of their keys. Hashes are keyed with secrets, so that
/// callers cannot make two keys collide.
#[derive(Debug)]
pub(crate) struct Table {
    /// Never shrinks. A new key takes the place of a full bucket when there is no room.
    entries: Vec<Entry>,
    /// Key hashes, with places in `entries`.
    index: HashMap<u64, usize, KeyHasher>,
    /// The number of entries that each caller has brought in.
    callers: HashMap<u64, usize, KeyHasher>,
    /// The next entry to look at for a full bucket.
    hand: usize,
    /// One bucket for each rule, for keys that find no room at all.
    overflow: HashMap<u64, Bucket, KeyHasher>,
    overflowed: u64,
    /// The quotas of rules that were changed. They override those of calls that are late.
    changed: HashMap<u64, Quota, KeyHasher>,
    bounds: Bounds,
}

/// The bounds of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) max_keys: usize,
    pub(crate) max_keys_per_caller: usize,
}

#[derive(Debug)]
struct Entry {
    key: u64,
    rule: u64,
    caller: Option<u64>,
    bucket: Bucket,
}

/// One cost of a call, with its key, rule and caller as hashes.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) key: u64,
    pub(crate) rule: u64,
    /// The caller to whose share a new key counts.
    pub(crate) caller: Option<u64>,
    pub(crate) quota: Quota,
    pub(crate) cost: NonZeroU32,
    /// Set by [`Table::decide`]: the bucket, and its state if the call passes.
    pub(crate) decided: Option<(Place, Bucket)>,
}

impl Wanted {
    fn entry(&self, key: u64, bucket: Bucket) -> Entry {
        Entry {
            key,
            rule: self.rule,
            caller: self.caller,
            bucket,
        }
    }
}

/// The bucket of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// An entry of the table.
    Entry(usize),
    /// The overflow bucket of a rule.
    Overflow(u64),
}

impl Table {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            entries: Vec::new(),
            index: HashMap::default(),
            callers: HashMap::default(),
            hand: 0,
            overflow: HashMap::default(),
            overflowed: 0,
            changed: HashMap::default(),
            bounds,
        }
    }

    /// Charges all of the costs, or none.
    pub(crate) fn decide(&mut self, costs: &mut [Wanted], now: u64) -> Verdict {
        let mut longest: Option<(Duration, usize)> = None;
        for index in 0..costs.len() {
            let (placed, rest) = costs.split_at_mut(index);
            let wanted = &mut rest[0];
            if let Some(quota) = self.changed.get(&wanted.rule) {
                wanted.quota = *quota;
            }
            let place = self.place(wanted, placed, now);
            let bucket = self.bucket(place);
            bucket.convert(now, wanted.quota);
            match bucket.charge(now, wanted.quota, wanted.cost) {
                Ok(charged) => wanted.decided = Some((place, charged)),
                Err(wait) => {
                    wanted.decided = Some((place, *bucket));
                    if longest.is_none_or(|(longest, _)| wait >= longest) {
                        longest = Some((wait, index));
                    }
                }
            }
        }
        if let Some((retry_after, index)) = longest {
            return Verdict::Limited { index, retry_after };
        }
        for (place, charged) in costs.iter().filter_map(|wanted| wanted.decided) {
            *self.bucket(place) = charged;
        }
        Verdict::Admitted
    }

    /// Converts the buckets of a rule to another quota, of one range of entries. Returns whether
    /// there are entries after it.
    pub(crate) fn convert(
        &mut self,
        range: Range<usize>,
        rule: u64,
        now: u64,
        quota: Quota,
    ) -> bool {
        self.changed.insert(rule, quota);
        if let Some(bucket) = self.overflow.get_mut(&rule) {
            bucket.convert(now, quota);
        }
        let end = range.end.min(self.entries.len());
        let entries = self.entries.get_mut(range.start..end).unwrap_or_default();
        for entry in entries.iter_mut().filter(|entry| entry.rule == rule) {
            entry.bucket.convert(now, quota);
        }
        end < self.entries.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed
    }

    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The bucket of a key. A new key gets one of its own as long as its caller's share lasts,
    /// after that the one that all other keys of the caller share.
    fn place(&mut self, wanted: &Wanted, placed: &[Wanted], now: u64) -> Place {
        if let Some(at) = self.index.get(&wanted.key) {
            return Place::Entry(*at);
        }
        // Both are hashes with secrets, and so is their sum.
        let shared = wanted
            .caller
            .map(|caller| caller.wrapping_add(wanted.rule.rotate_left(32)));
        let of_caller = shared.and_then(|key| self.index.get(&key).copied());
        let used = wanted.caller.and_then(|caller| self.callers.get(&caller));
        if used.copied().unwrap_or_default() < self.bounds.max_keys_per_caller {
            // Spent calls of the shared bucket stay spent, so that no key comes back fresh from it.
            let spent = of_caller.map(|at| self.entries[at].bucket);
            let new = wanted.entry(wanted.key, spent.unwrap_or_default());
            if let Some(at) = self.insert(new, placed, now) {
                return Place::Entry(at);
            }
        }
        self.overflowed += 1;
        let at = of_caller.or_else(|| {
            let new = wanted.entry(shared?, Bucket::default());
            self.insert(new, placed, now)
        });
        at.map_or(Place::Overflow(wanted.rule), Place::Entry)
    }

    fn bucket(&mut self, place: Place) -> &mut Bucket {
        match place {
            Place::Entry(at) => &mut self.entries[at].bucket,
            Place::Overflow(rule) => self.overflow.entry(rule).or_default(),
        }
    }

    /// Adds an entry, in the place of a full bucket if there is no room.
    fn insert(&mut self, entry: Entry, placed: &[Wanted], now: u64) -> Option<usize> {
        let at = if self.entries.len() < self.bounds.max_keys {
            self.entries.len()
        } else {
            self.find_full(placed, now)?
        };
        self.index.insert(entry.key, at);
        if let Some(caller) = entry.caller {
            *self.callers.entry(caller).or_default() += 1;
        }
        if let Some(place) = self.entries.get_mut(at) {
            let old = std::mem::replace(place, entry);
            self.forget(&old);
        } else {
            self.entries.push(entry);
        }
        Some(at)
    }

    /// An entry whose bucket is full, and which this call does not use.
    fn find_full(&mut self, placed: &[Wanted], now: u64) -> Option<usize> {
        for _ in 0..LOOK_AT.min(self.entries.len()) {
            let at = self.hand;
            self.hand = (at + 1) % self.entries.len();
            let is_used = |wanted: &Wanted| {
                wanted
                    .decided
                    .is_some_and(|(place, _)| place == Place::Entry(at))
            };
            if self.entries[at].bucket.is_full(now) && !placed.iter().any(is_used) {
                return Some(at);
            }
        }
        None
    }

    fn forget(&mut self, old: &Entry) {
        self.index.remove(&old.key);
        let Some(caller) = old.caller else {
            return;
        };
        let used = self.callers.get_mut(&caller);
        let used = used.expect("a caller is counted as long as it has entries");
        *used -= 1;
        if *used == 0 {
            self.callers.remove(&caller);
        }
    }
}
