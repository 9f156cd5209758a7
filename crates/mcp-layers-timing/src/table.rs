//! A table that only grows, up to a bound, and is read without a lock.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Open addressing over slots that are written once. Half of the slots stay empty, so that a
/// search ends soon.
pub(crate) struct Table<T> {
    slots: Box<[OnceLock<T>]>,
    len: AtomicUsize,
    max: usize,
}

impl<T> Table<T> {
    /// A table of at most `max` entries. All its slots are allocated here.
    pub(crate) fn new(max: usize) -> Self {
        let slots = max.saturating_mul(2).next_power_of_two().max(2);
        Self {
            slots: (0..slots).map(|_| OnceLock::new()).collect(),
            len: AtomicUsize::new(0),
            max,
        }
    }

    /// The entry that `is` recognises, with its index.
    pub(crate) fn find(&self, hash: u64, is: impl Fn(&T) -> bool) -> Option<(usize, &T)> {
        for index in self.probe(hash) {
            let entry = self.slots[index].get()?;
            if is(entry) {
                return Some((index, entry));
            }
        }
        None
    }

    /// The same, or the one that `make` makes; `None` when there is no room for it. Threads that
    /// race for one entry each take a place for that moment.
    ///
    /// An entry is made once, whoever asks for it at the same time waits. `make` must not panic.
    pub(crate) fn find_or_insert(
        &self,
        hash: u64,
        is: impl Fn(&T) -> bool,
        make: impl Fn() -> T,
    ) -> Option<(usize, &T)> {
        for index in self.probe(hash) {
            let slot = &self.slots[index];
            let entry = match slot.get() {
                Some(entry) => entry,
                None if !self.reserve() => return None,
                None => {
                    let mut mine = false;
                    let entry = slot.get_or_init(|| {
                        mine = true;
                        make()
                    });
                    if mine {
                        return Some((index, entry));
                    }
                    self.len.fetch_sub(1, Relaxed);
                    entry
                }
            };
            if is(entry) {
                return Some((index, entry));
            }
        }
        None
    }

    /// The entry at an index that a search gave.
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.slots.get(index)?.get()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len.load(Relaxed) >= self.max
    }

    fn reserve(&self) -> bool {
        self.len
            .fetch_update(Relaxed, Relaxed, |len| (len < self.max).then_some(len + 1))
            .is_ok()
    }

    /// Every index, from the one that `hash` names.
    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<T> {
        let mask = self.slots.len() - 1;
        // Only low bits are wanted, so that it does not matter what a narrow `usize` cuts off.
        #[allow(clippy::cast_possible_truncation)]
        let start = hash as usize & mask;
        (0..=mask).map(move |step| (start + step) & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::Table;
    use std::thread;

    fn insert(table: &Table<u64>, key: u64) -> Option<usize> {
        // A poor hash, so that entries collide.
        let found = table.find_or_insert(key % 3, |have| *have == key, || key);
        found.map(|(index, _)| index)
    }

    #[test]
    fn colliding_entries_keep_their_indices() {
        let table = Table::new(8);
        let indices: Vec<_> = (0..8).map(|key| insert(&table, key).unwrap()).collect();
        for (key, index) in (0..8).zip(indices) {
            assert_eq!(insert(&table, key), Some(index));
            assert_eq!(table.get(index), Some(&key));
            assert_eq!(
                table.find(key % 3, |have| *have == key),
                Some((index, &key))
            );
        }
    }

    #[test]
    fn a_full_table_takes_nothing_new() {
        let table = Table::new(3);
        for key in 0..3 {
            assert!(!table.is_full());
            assert!(insert(&table, key).is_some());
        }
        assert!(table.is_full());
        assert_eq!(insert(&table, 3), None);
        assert!(insert(&table, 2).is_some());
    }

    #[test]
    fn threads_that_race_for_an_entry_get_the_same_one() {
        let table = Table::new(64);
        let all = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..64).map(|key| insert(&table, key)).collect::<Vec<_>>()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect::<Vec<_>>()
        });
        assert!(all[0].iter().all(Option::is_some));
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn a_thread_that_lost_the_race_gives_its_place_back() {
        let table = Table::new(2);
        let wait_for_the_other = || {
            // Full for as long as both threads hold a place for the one entry.
            while !table.is_full() {
                thread::yield_now();
            }
            7
        };
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| table.find_or_insert(0, |have| *have == 7, wait_for_the_other));
            }
        });
        assert!(!table.is_full());
        assert!(insert(&table, 3).is_some());
    }
}
