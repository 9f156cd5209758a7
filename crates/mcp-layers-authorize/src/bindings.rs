//! Owners of session ids, task ids and request states.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    hash::{BuildHasher, Hash, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mcp_layers_core::{ConfigError, Principal};

#[cfg(feature = "signed")]
use crate::signed::{IdKind, SignedIdError, SignedIds};

/// A bounded table of ids, each with the principal that owns it.
///
/// A principal is identified by issuer, subject and tenant, so that a refreshed token is the same
/// owner. Clones share one table. Ids and owners are kept as digests of 128 bits, keyed for this
/// table. When the table is full, the owner with the most ids loses the one that it used least
/// recently: one owner's ids never displace those of owners with fewer. An eviction looks at every
/// owner once. An id that is signed (`SignedIds`, feature `signed`) is not kept: its signature decides.
#[derive(Clone, Default)]
pub struct Bindings {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    keys: [RandomState; 2],
    table: Mutex<Table>,
}

/// A digest of an id or of an owner.
type Digest = u128;

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
    ids: HashMap<Digest, Binding>,
    /// The ids of each owner by their last use, the least recent first.
    owners: HashMap<Digest, BTreeMap<u64, Digest>>,
    uses: u64,
    /// The ids that were evicted last, which no principal may claim.
    evicted: HashSet<Digest>,
    evicted_order: VecDeque<Digest>,
    #[cfg(feature = "signed")]
    signed: Option<(IdKind, SignedIds)>,
}

struct Binding {
    owner: Digest,
    last_use: u64,
}

impl Bindings {
    /// The default bound: 65,536 ids.
    pub const DEFAULT_MAX: usize = 65_536;

    /// Evicted ids that are remembered, for each id of the bound.
    const EVICTED_PER_ID: usize = 4;

    /// Makes an empty table with the default bound.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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
    /// Returns false, and changes nothing, if another principal owns it, or if the principal is not
    /// verified.
    pub fn bind(&self, id: &str, principal: &Principal) -> bool {
        principal.is_verified() && self.take(id, principal, true) != Owned::Foreign
    }

    /// Removes an id.
    pub fn release(&self, id: &str) {
        let id = self.digest(id);
        self.lock().remove(id);
    }

    /// True if the principal owns the id.
    #[must_use]
    pub fn is_own(&self, id: &str, principal: &Principal) -> bool {
        self.owned(id, principal, |table, id, owner| match table.ids.get(&id) {
            Some(binding) if binding.owner == owner => Owned::Own,
            _ => Owned::Unbound,
        }) == Owned::Own
    }

    /// The relation of an id to a principal. Counts as a use of the id.
    pub(crate) fn touch(&self, id: &str, principal: &Principal) -> Owned {
        self.owned(id, principal, Table::touch)
    }

    /// The same, and binds an id that no owner is known of, unless it was evicted: such an id may have
    /// belonged to another principal.
    pub(crate) fn claim(&self, id: &str, principal: &Principal) -> Owned {
        self.take(id, principal, false)
    }

    fn take(&self, id: &str, principal: &Principal, even_if_evicted: bool) -> Owned {
        self.owned(id, principal, |table, id, owner| {
            let owned = table.touch(id, owner);
            if owned != Owned::Unbound || (!even_if_evicted && table.evicted.contains(&id)) {
                return owned;
            }
            table.insert(id, owner);
            Owned::Own
        })
    }

    /// The relation of an id to a principal, by its signature, or else by the table.
    fn owned(
        &self,
        id: &str,
        principal: &Principal,
        by_table: impl FnOnce(&mut Table, Digest, Digest) -> Owned,
    ) -> Owned {
        #[cfg(feature = "signed")]
        match self.open(id, principal) {
            Ok(_) => return Owned::Own,
            Err(SignedIdError::Unsigned) => {}
            // Nobody may use an id that is forged or has expired.
            Err(_) => return Owned::Foreign,
        }
        let (id, owner) = (self.digest(id), self.owner(principal));
        by_table(&mut self.lock(), id, owner)
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

    fn owner(&self, principal: &Principal) -> Digest {
        self.digest((principal.issuer(), principal.subject(), principal.tenant()))
    }

    fn digest(&self, value: impl Hash) -> Digest {
        let [high, low] = &self.shared.keys;
        u128::from(high.hash_one(&value)) << 64 | u128::from(low.hash_one(&value))
    }

    // Nothing panics between two changes of the table, so that a poisoned lock guards a whole one.
    fn lock(&self) -> MutexGuard<'_, Table> {
        let table = self.shared.table.lock();
        table.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "signed")]
impl Bindings {
    pub(crate) fn set_signed(&self, kind: IdKind, ids: &SignedIds) {
        self.lock().signed = Some((kind, ids.clone()));
    }

    /// Returns the payload of a signed id that belongs to the principal.
    pub(crate) fn open(&self, id: &str, principal: &Principal) -> Result<String, SignedIdError> {
        let signed = self.lock().signed.clone();
        let (kind, ids) = signed.ok_or(SignedIdError::Unsigned)?;
        ids.open(kind, principal, id)
    }

    /// Signs an id for a principal, if ids are signed.
    #[cfg(feature = "http")]
    pub(crate) fn issue(&self, id: &str, principal: &Principal) -> Option<String> {
        let (kind, ids) = self.lock().signed.clone()?;
        Some(ids.issue(kind, principal, id))
    }
}

impl Table {
    fn touch(&mut self, id: Digest, owner: Digest) -> Owned {
        let Some(binding) = self.ids.get_mut(&id) else {
            return Owned::Unbound;
        };
        if binding.owner != owner {
            return Owned::Foreign;
        }
        self.uses += 1;
        let ids = self.owners.entry(owner).or_default();
        ids.remove(&binding.last_use);
        ids.insert(self.uses, id);
        binding.last_use = self.uses;
        Owned::Own
    }

    fn insert(&mut self, id: Digest, owner: Digest) {
        if self.ids.len() >= self.max {
            self.evict();
        }
        self.uses += 1;
        let last_use = self.uses;
        self.owners.entry(owner).or_default().insert(last_use, id);
        self.ids.insert(id, Binding { owner, last_use });
    }

    fn evict(&mut self) {
        let most = self.owners.values().max_by_key(|ids| ids.len());
        let Some(id) = most.and_then(|ids| ids.values().next().copied()) else {
            return;
        };
        self.remove(id);
        if self.evicted.insert(id) {
            self.evicted_order.push_back(id);
        }
        if self.evicted_order.len() > self.max.saturating_mul(Bindings::EVICTED_PER_ID)
            && let Some(oldest) = self.evicted_order.pop_front()
        {
            self.evicted.remove(&oldest);
        }
    }

    fn remove(&mut self, id: Digest) {
        let Some(Binding { owner, last_use }) = self.ids.remove(&id) else {
            return;
        };
        let ids = self.owners.entry(owner).or_default();
        ids.remove(&last_use);
        if ids.is_empty() {
            self.owners.remove(&owner);
        }
    }
}

impl Default for Table {
    fn default() -> Self {
        Self {
            max: Bindings::DEFAULT_MAX,
            ids: HashMap::new(),
            owners: HashMap::new(),
            uses: 0,
            evicted: HashSet::new(),
            evicted_order: VecDeque::new(),
            #[cfg(feature = "signed")]
            signed: None,
        }
    }
}

mcp_layers_core::opaque_debug!(Bindings);

#[cfg(test)]
#[path = "../tests/unit/bindings.rs"]
mod tests;
