//! Generations: which entries an invalidation has made out of date.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use crate::Group;

/// The number of groups whose last invalidation is remembered.
const MAX_GROUPS: usize = 4096;

/// The number of uri prefixes whose last invalidation is remembered.
const MAX_PREFIXES: usize = 256;

/// The generation of each group: the number of its last invalidation.
///
/// Invalidations are numbered. An entry belongs to a few groups and stores the number that was
/// current when its request began. It is out of date when one of its groups was invalidated since,
/// so nothing has to be searched for, and results that are on their way are caught too.
#[derive(Default)]
pub(crate) struct Generations {
    table: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    /// The number of the last invalidation.
    current: u64,
    groups: HashMap<Group, u64>,
    by_number: BTreeMap<u64, Group>,
    /// The highest number that was dropped from `groups`: older entries count as out of date.
    dropped: u64,
    prefixes: VecDeque<(u64, Box<str>)>,
    dropped_prefix: u64,
}

impl Generations {
    /// Returns the number of the last invalidation.
    pub(crate) fn current(&self) -> u64 {
        self.read().current
    }

    /// Returns the generation of an entry of these groups; `uri` is that of a read resource.
    /// Requests of different generations must not share a result.
    pub(crate) fn of(&self, groups: &[Group], uri: Option<&str>) -> u64 {
        self.read().of(groups, uri)
    }

    /// Returns whether nothing of these groups was invalidated since `since` was current.
    pub(crate) fn is_current(&self, since: u64, groups: &[Group], uri: Option<&str>) -> bool {
        let table = self.read();
        let dropped = match uri {
            Some(_) => table.dropped.max(table.dropped_prefix),
            None => table.dropped,
        };
        table.current == since || (dropped <= since && table.of(groups, uri) <= since)
    }

    pub(crate) fn invalidate(&self, group: &Group) {
        self.table
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .invalidate(group);
    }

    pub(crate) fn invalidate_prefix(&self, prefix: &str) {
        self.table
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .invalidate_prefix(prefix);
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn of(&self, groups: &[Group], uri: Option<&str>) -> u64 {
        let groups = groups.iter().filter_map(|group| self.groups.get(group));
        let newest = groups.copied().max().unwrap_or(0);
        let prefix = uri.and_then(|uri| {
            let mut prefixes = self.prefixes.iter().rev();
            prefixes.find(|(_, prefix)| uri.starts_with(&**prefix))
        });
        prefix.map_or(newest, |(number, _)| newest.max(*number))
    }

    fn invalidate(&mut self, group: &Group) {
        self.current += 1;
        if let Some(earlier) = self.groups.insert(group.clone(), self.current) {
            self.by_number.remove(&earlier);
        }
        self.by_number.insert(self.current, group.clone());
        if self.by_number.len() > MAX_GROUPS
            && let Some((number, group)) = self.by_number.pop_first()
        {
            self.groups.remove(&group);
            self.dropped = number;
        }
    }

    fn invalidate_prefix(&mut self, prefix: &str) {
        self.current += 1;
        self.prefixes.retain(|(_, known)| **known != *prefix);
        self.prefixes.push_back((self.current, prefix.into()));
        if self.prefixes.len() > MAX_PREFIXES
            && let Some((number, _)) = self.prefixes.pop_front()
        {
            self.dropped_prefix = number;
        }
    }
}

#[cfg(test)]
#[path = "../tests/unit/generations.rs"]
mod tests;
