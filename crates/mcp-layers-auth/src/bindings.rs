//! What belongs to whom: session ids and task ids.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mcp_layers_core::Principal;

/// Which principal a session or a task belongs to.
///
/// A principal is known here by issuer, subject and tenant, so that a refreshed token is the same
/// owner. Clones share one table. It is bounded: when it is full, whoever owns the most loses the
/// oldest. An id of which the owner is forgotten belongs to nobody, and is refused.
#[derive(Clone)]
pub struct Bindings {
    table: Arc<Mutex<Table>>,
}

/// Whose an id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The principal's own.
    Own,
    /// Somebody else's.
    Other,
    /// Nobody's, as far as is known.
    Nobody,
}

#[derive(Default)]
struct Table {
    max: usize,
    ids: HashMap<Arc<str>, u64>,
    owners: HashMap<Owner, u64>,
    owned: HashMap<u64, Owned>,
    /// How many ids each owner has, for finding the one with the most.
    counts: BTreeSet<(usize, u64)>,
    next_owner: u64,
    forgot: bool,
}

struct Owned {
    owner: Owner,
    /// The oldest first.
    ids: VecDeque<Arc<str>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
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

impl Bindings {
    /// How many ids a table holds unless [`Bindings::with_max`] says otherwise.
    pub const DEFAULT_MAX: usize = 65_536;

    /// The longest id that is remembered, in bytes.
    const MAX_ID: usize = 512;

    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::bounded(Self::DEFAULT_MAX)
    }

    /// An empty table with room for `max` ids.
    #[must_use]
    pub fn with_max(max: NonZeroUsize) -> Self {
        Self::bounded(max.get())
    }

    fn bounded(max: usize) -> Self {
        let table = Table {
            max,
            ..Table::default()
        };
        Self {
            table: Arc::new(Mutex::new(table)),
        }
    }

    /// Binds an id to a principal; false when it belongs to another one already, and stays so, or
    /// is longer than an id should be. For ids that were given out elsewhere, such as before a
    /// restart.
    pub fn bind(&self, id: &str, principal: &Principal) -> bool {
        if id.len() > Self::MAX_ID || !principal.is_verified() {
            return false;
        }
        let mut table = self.lock();
        match table.whose(id, principal) {
            Whose::Own => true,
            Whose::Other => false,
            Whose::Nobody => {
                table.insert(id, principal);
                true
            }
        }
    }

    /// Forgets an id.
    pub fn release(&self, id: &str) {
        self.lock().remove(id);
    }

    /// Whether the id is the principal's.
    #[must_use]
    pub fn is_own(&self, id: &str, principal: &Principal) -> bool {
        self.whose(id, principal) == Whose::Own
    }

    pub(crate) fn whose(&self, id: &str, principal: &Principal) -> Whose {
        self.lock().whose(id, principal)
    }

    /// Gives an id to whoever uses it first, as long as nothing was ever forgotten: an id without
    /// an owner could otherwise be one whose owner is forgotten.
    pub(crate) fn claim(&self, id: &str, principal: &Principal) -> Whose {
        let mut table = self.lock();
        let whose = table.whose(id, principal);
        if whose != Whose::Nobody || id.len() > Self::MAX_ID {
            return whose;
        }
        if table.forgot || table.ids.len() >= table.max {
            table.forgot = true;
            return Whose::Nobody;
        }
        table.insert(id, principal);
        Whose::Own
    }

    /// How many ids are bound.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().ids.len()
    }

    /// Whether no id is bound.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // Nothing can panic between two changes of the table, so a poisoned lock guards a whole one.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn whose(&self, id: &str, principal: &Principal) -> Whose {
        let owned = self.ids.get(id).and_then(|owner| self.owned.get(owner));
        match owned {
            Some(owned) if owned.owner.is(principal) => Whose::Own,
            Some(_) => Whose::Other,
            None => Whose::Nobody,
        }
    }

    fn insert(&mut self, id: &str, principal: &Principal) {
        if self.ids.len() >= self.max {
            self.forget_one();
        }
        let owner = Owner::of(principal);
        let key = *self.owners.entry(owner.clone()).or_insert_with(|| {
            self.next_owner += 1;
            self.next_owner
        });
        let id: Arc<str> = id.into();
        let owned = self.owned.entry(key).or_insert_with(|| Owned {
            owner,
            ids: VecDeque::new(),
        });
        self.counts.remove(&(owned.ids.len(), key));
        owned.ids.push_back(Arc::clone(&id));
        self.counts.insert((owned.ids.len(), key));
        self.ids.insert(id, key);
    }

    fn forget_one(&mut self) {
        let most = self.counts.last().and_then(|(_, key)| self.owned.get(key));
        if let Some(id) = most.and_then(|owned| owned.ids.front()) {
            let id = Arc::clone(id);
            self.remove(&id);
            self.forgot = true;
        }
    }

    fn remove(&mut self, id: &str) {
        let Some(key) = self.ids.remove(id) else {
            return;
        };
        let Some(owned) = self.owned.get_mut(&key) else {
            return;
        };
        self.counts.remove(&(owned.ids.len(), key));
        owned.ids.retain(|have| **have != *id);
        if owned.ids.is_empty() {
            self.owners.remove(&owned.owner);
            self.owned.remove(&key);
        } else {
            self.counts.insert((owned.ids.len(), key));
        }
    }
}

impl Default for Bindings {
    fn default() -> Self {
        Self::new()
    }
}

/// Ids are secrets of their owners.
impl fmt::Debug for Bindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bindings")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Bindings, Whose};
    use mcp_layers_core::{Authentication, Principal};
    use std::num::NonZeroUsize;

    fn principal(subject: &str) -> Principal {
        Principal::new(subject, Authentication::Bearer).with_issuer("i")
    }

    #[test]
    fn an_id_stays_with_its_first_owner() {
        let (ada, bob) = (principal("ada"), principal("bob"));
        let bindings = Bindings::new();
        assert!(bindings.bind("one", &ada));
        assert!(!bindings.bind("one", &bob));
        assert_eq!(bindings.whose("one", &ada), Whose::Own);
        assert_eq!(bindings.whose("one", &bob), Whose::Other);
        assert_eq!(bindings.whose("two", &bob), Whose::Nobody);
        let refreshed = principal("ada").with_credential_digest(*b"new");
        assert!(bindings.is_own("one", &refreshed));
        for other in [
            principal("ada").with_issuer("j"),
            principal("ada").with_tenant("t"),
        ] {
            assert!(!bindings.is_own("one", &other));
        }
    }

    #[test]
    fn whoever_owns_the_most_loses_the_oldest() {
        let (greedy, modest) = (principal("greedy"), principal("modest"));
        let bindings = Bindings::with_max(NonZeroUsize::new(4).unwrap());
        assert!(bindings.bind("modest", &modest));
        for id in 0..1000 {
            assert!(bindings.bind(&format!("greedy {id}"), &greedy));
        }
        assert_eq!(bindings.len(), 4);
        assert!(bindings.is_own("modest", &modest));
        assert!(bindings.is_own("greedy 999", &greedy));
        assert_eq!(bindings.whose("greedy 0", &greedy), Whose::Nobody);
        bindings.release("modest");
        for id in 997..1000 {
            bindings.release(&format!("greedy {id}"));
        }
        let table = bindings.lock();
        assert!(table.ids.is_empty() && table.owners.is_empty());
        assert!(table.owned.is_empty() && table.counts.is_empty());
    }

    #[test]
    fn nothing_can_be_claimed_once_something_was_forgotten() {
        let (ada, bob) = (principal("ada"), principal("bob"));
        let bindings = Bindings::with_max(NonZeroUsize::new(2).unwrap());
        assert_eq!(bindings.claim("one", &ada), Whose::Own);
        assert_eq!(bindings.claim("one", &bob), Whose::Other);
        assert_eq!(bindings.claim("two", &bob), Whose::Own);
        assert_eq!(bindings.claim("three", &bob), Whose::Nobody);
        bindings.release("one");
        assert_eq!(bindings.claim("one", &bob), Whose::Nobody);
    }
}
