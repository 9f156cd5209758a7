//! The state that all clones of a layer share.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use mcp_layers_core::{Catalog, Principal};

use crate::bindings::{Bindings, Owned};

pub(crate) struct State<P> {
    policy: RwLock<Arc<P>>,
    pub(crate) tasks: Bindings,
    pub(crate) sessions: Bindings,
    pub(crate) states: RequestStates,
    pub(crate) counters: Arc<Counters>,
    /// The names that this layer has seen; used where the stack has no catalog.
    pub(crate) catalog: Catalog,
    /// True if there is a layer at the HTTP edge, which binds the sessions.
    has_edge: AtomicBool,
    /// True if the MCP layer wraps a service.
    is_in_stack: AtomicBool,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) unauthenticated: AtomicU64,
    pub(crate) denied: AtomicU64,
    pub(crate) hidden: AtomicU64,
    pub(crate) foreign: AtomicU64,
    pub(crate) policy_failed: AtomicU64,
    pub(crate) filtered: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Relaxed);
    }
}

impl<P> State<P> {
    pub(crate) fn new(policy: P) -> Self {
        Self {
            policy: RwLock::new(Arc::new(policy)),
            tasks: Bindings::new(),
            sessions: Bindings::new(),
            states: RequestStates::default(),
            counters: Arc::default(),
            catalog: Catalog::new(),
            has_edge: AtomicBool::new(false),
            is_in_stack: AtomicBool::new(false),
        }
    }

    pub(crate) fn policy(&self) -> Arc<P> {
        let policy = self.policy.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&policy)
    }

    pub(crate) fn set_policy(&self, policy: P) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    #[cfg(feature = "http")]
    pub(crate) fn set_edge(&self) {
        self.has_edge.store(true, Relaxed);
    }

    pub(crate) fn has_edge(&self) -> bool {
        self.has_edge.load(Relaxed)
    }

    pub(crate) fn set_in_stack(&self) {
        self.is_in_stack.store(true, Relaxed);
    }

    #[cfg(feature = "http")]
    pub(crate) fn is_in_stack(&self) -> bool {
        self.is_in_stack.load(Relaxed)
    }
}

/// The request states that were issued, as digests of 128 bits under keys of this process.
#[derive(Debug, Default)]
pub(crate) struct RequestStates {
    keys: [RandomState; 2],
    pub(crate) owners: Bindings,
}

impl RequestStates {
    pub(crate) fn bind(&self, state: &str, principal: &Principal) {
        self.owners.bind(&self.digest(state), principal);
    }

    pub(crate) fn touch(&self, state: &str, principal: &Principal) -> Owned {
        self.owners.touch(&self.digest(state), principal)
    }

    fn digest(&self, state: &str) -> String {
        let [one, two] = &self.keys;
        format!("{:016x}{:016x}", one.hash_one(state), two.hash_one(state))
    }
}
