//! Owners of session ids, task ids and request states.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mcp_layers_core::{ConfigError, Principal};

/// A bounded table of ids, each with the principal that owns it.
///
/// A principal is identified by issuer, subject and tenant, so that a refreshed token is the same
/// owner. Clones share one table. When it is full, the owner with the most ids loses the one that it
/// used least recently: one owner's ids never displace those of owners with fewer. The time of each
/// operation grows with the logarithm of the table's size.
#[derive(Clone)]
pub struct Bindings {
    table: Arc<Mutex<Table>>,
}

/// The relation of an id to a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owned {
    /// The principal owns it.
    Own,
    /// Another principal owns it.
    Foreign,
    /// No owner is known.
    Unbound,
}

struct Table {
    max: usize,
    ids: HashMap<Arc<str>, Binding>,
    /// The ids of each owner by their last use, the least recent first.
    owners: HashMap<Arc<Owner>, BTreeMap<u64, Arc<str>>>,
    /// The number of ids of each owner, the largest last.
    counts: BTreeSet<(usize, Arc<Owner>)>,
    uses: u64,
    evicted: Evicted,
}

struct Binding {
    owner: Arc<Owner>,
    last_use: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Owner {
    issuer: Option<Box<str>>,
    subject: Box<str>,
    tenant: Option<Box<str>>,
}

impl Owner {
    fn of(principal: &Principal) -> Self {
        Self {
            issuer: principal.issuer().map(Into::into),
            subject: principal.subject().into(),
            tenant: principal.tenant().map(Into::into),
        }
    }

    fn is(&self, principal: &Principal) -> bool {
        *self.subject == *principal.subject()
            && self.issuer.as_deref() == principal.issuer()
            && self.tenant.as_deref() == principal.tenant()
    }
}

/// Digests of the ids that were evicted last: nobody may claim these.
#[derive(Default)]
struct Evicted {
    keys: RandomState,
    digests: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Evicted {
    fn insert(&mut self, id: &str, max: usize) {
        let digest = self.keys.hash_one(id);
        if self.digests.insert(digest) {
            self.order.push_back(digest);
        }
        if self.order.len() > max
            && let Some(oldest) = self.order.pop_front()
        {
            self.digests.remove(&oldest);
        }
    }

    fn contains(&self, id: &str) -> bool {
        !self.digests.is_empty() && self.digests.contains(&self.keys.hash_one(id))
    }
}

impl Bindings {
    /// The default bound: 65,536 ids.
    pub const DEFAULT_MAX: usize = 65_536;

    /// The longest id that is remembered, in bytes.
    const MAX_ID: usize = 512;

    /// Digests of evicted ids that are remembered, for each id of the bound.
    const EVICTED_PER_ID: usize = 4;

    /// Makes an empty table with the default bound.
    #[must_use]
    pub fn new() -> Self {
        let table = Table {
            max: Self::DEFAULT_MAX,
            ids: HashMap::new(),
            owners: HashMap::new(),
            counts: BTreeSet::new(),
            uses: 0,
            evicted: Evicted::default(),
        };
        Self {
            table: Arc::new(Mutex::new(table)),
        }
    }

    /// Sets the number of ids that the table holds; a smaller table evicts at once.
    ///
    /// # Errors
    ///
    /// `max` is zero.
    pub fn set_max(&self, max: usize) -> Result<(), ConfigError> {
        if max == 0 {
            return Err(ConfigError::new(
                "a table of bindings holds at least one id",
            ));
        }
        let mut table = self.lock();
        table.max = max;
        while table.ids.len() > max {
            table.evict();
        }
        Ok(())
    }

    /// Binds an id to a principal: for ids that were issued elsewhere, such as before a restart.
    /// Returns false, and changes nothing, if another principal owns it, if the principal is not
    /// verified, or if the id is longer than 512 bytes.
    pub fn bind(&self, id: &str, principal: &Principal) -> bool {
        if id.len() > Self::MAX_ID || !principal.is_verified() {
            return false;
        }
        let mut table = self.lock();
        match table.touch(id, principal) {
            Owned::Own => true,
            Owned::Foreign => false,
            Owned::Unbound => {
                table.insert(id, principal);
                true
            }
        }
    }

    /// Removes an id.
    pub fn release(&self, id: &str) {
        self.lock().remove(id);
    }

    /// True if the principal owns the id.
    #[must_use]
    pub fn is_own(&self, id: &str, principal: &Principal) -> bool {
        let table = self.lock();
        let binding = table.ids.get(id);
        binding.is_some_and(|binding| binding.owner.is(principal))
    }

    /// The relation of an id to a principal. Counts as a use of the id.
    pub(crate) fn touch(&self, id: &str, principal: &Principal) -> Owned {
        self.lock().touch(id, principal)
    }

    /// The same, and binds an id that no owner is known of, unless it was evicted: such an id may have
    /// belonged to another principal.
    pub(crate) fn claim(&self, id: &str, principal: &Principal) -> Owned {
        let mut table = self.lock();
        let owned = table.touch(id, principal);
        let is_new = owned == Owned::Unbound && id.len() <= Self::MAX_ID;
        if !is_new || table.evicted.contains(id) {
            return owned;
        }
        table.insert(id, principal);
        Owned::Own
    }

    /// The number of ids.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().ids.len()
    }

    /// True if the table is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // Nothing panics between two changes of the table, so that a poisoned lock guards a whole one.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn touch(&mut self, id: &str, principal: &Principal) -> Owned {
        let Some(binding) = self.ids.get_mut(id) else {
            return Owned::Unbound;
        };
        if !binding.owner.is(principal) {
            return Owned::Foreign;
        }
        self.uses += 1;
        if let Some(ids) = self.owners.get_mut(&binding.owner)
            && let Some(id) = ids.remove(&binding.last_use)
        {
            ids.insert(self.uses, id);
            binding.last_use = self.uses;
        }
        Owned::Own
    }

    fn insert(&mut self, id: &str, principal: &Principal) {
        if self.ids.len() >= self.max {
            self.evict();
        }
        self.uses += 1;
        let (id, last_use) = (Arc::<str>::from(id), self.uses);
        let owner = Owner::of(principal);
        let owner = match self.owners.get_key_value(&owner) {
            Some((owner, _)) => Arc::clone(owner),
            None => Arc::new(owner),
        };
        let ids = self.owners.entry(Arc::clone(&owner)).or_default();
        self.counts.remove(&(ids.len(), Arc::clone(&owner)));
        ids.insert(last_use, Arc::clone(&id));
        self.counts.insert((ids.len(), Arc::clone(&owner)));
        self.ids.insert(id, Binding { owner, last_use });
    }

    fn evict(&mut self) {
        let most = self.counts.last().map(|(_, owner)| owner);
        let ids = most.and_then(|owner| self.owners.get(owner));
        let id = ids.and_then(|ids| ids.values().next()).cloned();
        if let Some(id) = id {
            self.remove(&id);
            let max = self.max.saturating_mul(Bindings::EVICTED_PER_ID);
            self.evicted.insert(&id, max);
        }
    }

    fn remove(&mut self, id: &str) {
        let Some(Binding { owner, last_use }) = self.ids.remove(id) else {
            return;
        };
        let Some(ids) = self.owners.get_mut(&owner) else {
            return;
        };
        self.counts.remove(&(ids.len(), Arc::clone(&owner)));
        ids.remove(&last_use);
        if ids.is_empty() {
            self.owners.remove(&owner);
        } else {
            self.counts.insert((ids.len(), owner));
        }
    }
}

impl Default for Bindings {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows no ids, which are secrets of their owners.
impl fmt::Debug for Bindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bindings")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Bindings, Owned};
    use mcp_layers_core::{Authentication, Principal};

    #[test]
    fn an_evicted_id_cannot_be_claimed_and_a_new_one_always_can() {
        let (ada, bob) = (
            Principal::new("ada", Authentication::Bearer),
            Principal::new("bob", Authentication::Bearer),
        );
        let bindings = Bindings::new();
        bindings.set_max(2).unwrap();
        for id in ["one", "two", "three"] {
            assert_eq!(bindings.claim(id, &ada), Owned::Own);
        }
        assert_eq!(bindings.claim("one", &bob), Owned::Unbound);
        assert_eq!(bindings.claim("one", &ada), Owned::Unbound);
        assert_eq!(bindings.claim("two", &bob), Owned::Foreign);
        assert_eq!(bindings.claim("four", &bob), Owned::Own);
        // An id that ended properly is free again.
        bindings.release("four");
        assert_eq!(bindings.claim("four", &ada), Owned::Own);
        let digests = bindings.lock().evicted.order.len();
        for id in 0..1000 {
            bindings.claim(&format!("new {id}"), &ada);
        }
        assert!(digests < 8 && bindings.lock().evicted.order.len() == 8);
        assert_eq!(bindings.lock().evicted.digests.len(), 8);
    }
}
