//! What was declared out of date, and since when.

use std::{
    collections::VecDeque,
    hash::BuildHasher,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use foldhash::quality::RandomState;

/// How many counters there are in each of the two rows. A group has one in each, and is out of date
/// when both have moved: that groups share a counter is common, that they share both is rare, costs
/// a request, and is never wrong.
const SLOTS: usize = 4096;

/// How many prefixes are remembered. What is older than the oldest of them counts as out of date.
const PREFIXES: usize = 256;

/// Counters of invalidations. An entry belongs to a few groups, and remembers how their counters
/// stood when its fill began: when one has moved since, the entry is out of date, wherever it is
/// by then. So nothing has to be searched for, and a fill that is under way is caught too.
pub(crate) struct Epochs {
    rows: [Box<[AtomicU64]>; 2],
    /// Moved after every other counter: as long as it stands still, nothing else has to be read.
    any: AtomicU64,
    hasher: RandomState,
    prefix_count: AtomicU64,
    prefixes: RwLock<VecDeque<(u64, Box<str>)>>,
}

/// How the counters of an entry's groups stood when its fill began.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    any: u64,
    groups: [[(u16, u64); 2]; Self::GROUPS],
    prefixes: u64,
}

impl Snapshot {
    /// All, the method, the target, the subject, the authorization context.
    const GROUPS: usize = 5;
}

/// Two fills are of one time when nothing of theirs has moved in between; others' groups may have.
impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.groups == other.groups && self.prefixes == other.prefixes
    }
}

impl Epochs {
    pub(crate) fn new() -> Self {
        Self {
            rows: [(); 2].map(|()| (0..SLOTS).map(|_| AtomicU64::new(0)).collect()),
            any: AtomicU64::new(0),
            hasher: RandomState::default(),
            prefix_count: AtomicU64::new(0),
            prefixes: RwLock::default(),
        }
    }

    /// How the groups stand now. Groups beyond the fifth do not count.
    pub(crate) fn snapshot<'a>(&self, groups: impl IntoIterator<Item = &'a [u8]>) -> Snapshot {
        let any = self.any.load(SeqCst);
        let prefixes = self.prefix_count.load(SeqCst);
        // A place without a group has counters of its own, which nobody moves alone.
        let mut snapshot = [self.counts(b""); Snapshot::GROUPS];
        for (place, group) in snapshot.iter_mut().zip(groups) {
            *place = self.counts(group);
        }
        Snapshot {
            any,
            groups: snapshot,
            prefixes,
        }
    }

    /// Whether nothing was invalidated since; `uri` is that of a read resource.
    #[inline]
    pub(crate) fn is_current(&self, snapshot: &Snapshot, uri: Option<&str>) -> bool {
        snapshot.any == self.any.load(SeqCst) || self.is_untouched(snapshot, uri)
    }

    #[inline(never)]
    fn is_untouched(&self, snapshot: &Snapshot, uri: Option<&str>) -> bool {
        let moved = |group: &[(u16, u64); 2]| {
            let mut rows = self.rows.iter().zip(group);
            rows.all(|(row, (slot, count))| row[usize::from(*slot)].load(SeqCst) != *count)
        };
        !snapshot.groups.iter().any(moved)
            && (snapshot.prefixes == self.prefix_count.load(SeqCst)
                || uri.is_none_or(|uri| self.outlives_prefixes(snapshot.prefixes, uri)))
    }

    fn outlives_prefixes(&self, since: u64, uri: &str) -> bool {
        let prefixes = self.prefixes.read().unwrap_or_else(PoisonError::into_inner);
        let oldest = prefixes.front().map_or(0, |(number, _)| *number);
        let mut newer = prefixes.iter().rev().take_while(|(at, _)| *at > since);
        oldest <= since + 1 && newer.all(|(_, prefix)| !uri.starts_with(&**prefix))
    }

    pub(crate) fn invalidate(&self, group: &[u8]) {
        for (row, slot) in self.rows.iter().zip(self.slots(group)) {
            row[usize::from(slot)].fetch_add(1, SeqCst);
        }
        self.any.fetch_add(1, SeqCst);
    }

    pub(crate) fn invalidate_prefix(&self, prefix: &str) {
        let mut prefixes = self
            .prefixes
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let number = self.prefix_count.load(SeqCst) + 1;
        if prefixes.len() == PREFIXES {
            prefixes.pop_front();
        }
        prefixes.push_back((number, prefix.into()));
        self.prefix_count.store(number, SeqCst);
        self.any.fetch_add(1, SeqCst);
    }

    /// How a group's counters stand.
    fn counts(&self, group: &[u8]) -> [(u16, u64); 2] {
        let [one, other] = self.slots(group);
        let count = |row: usize, slot: u16| (slot, self.rows[row][usize::from(slot)].load(SeqCst));
        [count(0, one), count(1, other)]
    }

    /// Where a group's counters are.
    fn slots(&self, group: &[u8]) -> [u16; 2] {
        let hash = self.hasher.hash_one(group);
        #[allow(clippy::cast_possible_truncation, reason = "SLOTS fits")]
        let slot = |hash: u64| (hash % SLOTS as u64) as u16;
        [slot(hash), slot(hash >> 32)]
    }
}

#[cfg(test)]
mod tests {
    use super::{Epochs, PREFIXES};

    #[test]
    fn an_entry_is_current_until_one_of_its_groups_is_invalidated() {
        let epochs = Epochs::new();
        let snapshot = epochs.snapshot([&b"all"[..], b"tools"]);
        assert!(epochs.is_current(&snapshot, None));
        // A hundred others share a counter with ours now and then, but hardly both.
        for other in 0..100_u8 {
            epochs.invalidate(&[other]);
        }
        assert!(epochs.is_current(&snapshot, None));
        let snapshot = epochs.snapshot([&b"all"[..], b"tools"]);
        epochs.invalidate(b"tools");
        assert!(!epochs.is_current(&snapshot, None));
    }

    #[test]
    fn fills_are_of_one_time_until_something_of_theirs_is_invalidated() {
        let epochs = Epochs::new();
        let before = epochs.snapshot([&b"all"[..], b"tools"]);
        // One that shares no counter with ours.
        let ours = [&b"all"[..], b"tools", b""].map(|group| epochs.slots(group));
        let shares = |slots: [u16; 2]| {
            ours.iter()
                .any(|own| (0..2).any(|row| own[row] == slots[row]))
        };
        let other = (0..=u8::MAX).find(|name| !shares(epochs.slots(&[*name])));
        epochs.invalidate(&[other.unwrap()]);
        assert!(before == epochs.snapshot([&b"all"[..], b"tools"]));
        epochs.invalidate(b"tools");
        assert!(before != epochs.snapshot([&b"all"[..], b"tools"]));
    }

    #[test]
    fn a_prefix_hits_what_begins_with_it_and_what_is_older_than_memory() {
        let epochs = Epochs::new();
        let before = epochs.snapshot([&b"reads"[..]]);
        epochs.invalidate_prefix("file:///a/");
        assert!(!epochs.is_current(&before, Some("file:///a/b")));
        assert!(epochs.is_current(&before, Some("file:///b")));
        assert!(epochs.is_current(&before, None));
        let after = epochs.snapshot([&b"reads"[..]]);
        assert!(epochs.is_current(&after, Some("file:///a/b")));
        for _ in 0..PREFIXES {
            epochs.invalidate_prefix("other:");
        }
        assert!(epochs.is_current(&after, Some("file:///b")));
        epochs.invalidate_prefix("other:");
        assert!(!epochs.is_current(&after, Some("file:///b")));
    }
}
