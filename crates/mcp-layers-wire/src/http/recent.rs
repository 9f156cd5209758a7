//! A table that keeps what is recent.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    time::Duration,
};

use tokio::time::Instant;

/// A table that is bounded by the number of its entries, by their total weight and by their age. The
/// oldest leave first.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    max_entries: usize,
    max_weight: usize,
    max_age: Option<Duration>,
    entries: HashMap<K, Entry<V>>,
    /// Every entry once, and entries that were replaced or removed.
    order: VecDeque<(K, u64)>,
    weight: usize,
    inserted: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    number: u64,
    weight: usize,
    since: Instant,
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    pub(super) fn new(max_entries: usize, max_weight: usize, max_age: Option<Duration>) -> Self {
        Self {
            max_entries,
            max_weight,
            max_age,
            entries: HashMap::new(),
            order: VecDeque::new(),
            weight: 0,
            inserted: 0,
        }
    }

    pub(super) fn insert(&mut self, key: K, value: V, weight: usize) {
        self.remove(&key);
        self.inserted += 1;
        self.weight += weight;
        self.order.push_back((key.clone(), self.inserted));
        let entry = Entry {
            value,
            number: self.inserted,
            weight,
            since: Instant::now(),
        };
        self.entries.insert(key, entry);
        self.drop_old();
    }

    pub(super) fn get(&mut self, key: &K) -> Option<&V> {
        self.drop_old();
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.weight -= entry.weight;
        }
    }

    fn drop_old(&mut self) {
        while let Some((key, number)) = self.order.front() {
            let entry = self.entries.get(key);
            let entry = entry.filter(|entry| entry.number == *number);
            let is_over = self.entries.len() > self.max_entries || self.weight > self.max_weight;
            let is_old =
                |entry: &Entry<V>| self.max_age.is_some_and(|max| entry.since.elapsed() >= max);
            if entry.is_some_and(|entry| !is_over && !is_old(entry)) {
                break;
            }
            let is_current = entry.is_some();
            if let Some((key, _)) = self.order.pop_front()
                && is_current
            {
                self.remove(&key);
            }
        }
        // Removed entries may lie between others.
        if self.order.len() > 2 * self.max_entries {
            let entries = &self.entries;
            self.order.retain(|(key, number)| {
                entries
                    .get(key)
                    .is_some_and(|entry| entry.number == *number)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(recent: &mut Recent<u32, ()>) -> Vec<u32> {
        (0..10).filter(|key| recent.get(key).is_some()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_leave_first() {
        let mut recent = Recent::new(2, 100, None);
        (1..=3).for_each(|key| recent.insert(key, (), 1));
        assert_eq!(keys(&mut recent), [2, 3]);
        recent.insert(2, (), 1);
        recent.insert(4, (), 99);
        assert_eq!(keys(&mut recent), [2, 4]);
        recent.insert(5, (), 100);
        assert_eq!(keys(&mut recent), [5]);
        recent.insert(6, (), 101);
        assert_eq!((keys(&mut recent), recent.weight), (vec![], 0));
    }

    #[tokio::test(start_paused = true)]
    async fn entries_leave_with_their_age() {
        let mut recent = Recent::new(9, 9, Some(Duration::from_secs(60)));
        recent.insert(1, (), 1);
        tokio::time::advance(Duration::from_secs(59)).await;
        recent.insert(2, (), 1);
        assert_eq!(keys(&mut recent), [1, 2]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(keys(&mut recent), [2]);
    }

    #[tokio::test(start_paused = true)]
    async fn removed_entries_take_no_space() {
        let mut recent = Recent::new(3, 9, None);
        recent.insert(0, (), 1);
        for key in 1..1000 {
            recent.insert(key, (), 1);
            recent.remove(&key);
        }
        assert!(recent.order.len() <= 7);
        assert_eq!(keys(&mut recent), [0]);
    }
}
