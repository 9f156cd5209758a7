//! The state that all clones of a layer share.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use mcp_layers_core::{Catalog, Principal};

use crate::{
    bindings::{Bindings, Owned},
    policy::Policy,
    settings::Settings,
};

pub(crate) struct State {
    policy: RwLock<Arc<dyn Policy>>,
    stats: Mutex<AuthorizeStats>,
    pub(crate) tasks: Bindings,
    pub(crate) sessions: Bindings,
    pub(crate) states: Bindings,
    /// The names that this layer has seen; used where the stack has no catalog.
    pub(crate) catalog: Catalog,
    /// True if there is a layer at the HTTP edge, which binds the sessions.
    pub(crate) has_edge: AtomicBool,
    /// True if the MCP layer wraps a service.
    pub(crate) is_in_stack: AtomicBool,
    /// The beginning of session ids that no transport has.
    no_session: Box<str>,
}

/// The counters of an [`AuthorizeLayer`](crate::AuthorizeLayer) and of its HTTP edge, since they were
/// made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizeStats {
    /// Requests refused because they had no verified principal.
    pub unauthenticated: u64,
    /// Requests that the policy denied, including by failing.
    pub denied: u64,
    /// Requests that got the answer to an unknown name because the policy hides theirs, or because it is
    /// in no list of the server.
    pub hidden: u64,
    /// Requests refused because their session, task or request state is not the caller's.
    pub foreign: u64,
    /// Evaluations of the policy that panicked, failed or took too long.
    pub policy_failed: u64,
    /// Entries that were removed from lists.
    pub filtered: u64,
    /// Sessions with an owner now.
    pub sessions: usize,
    /// Tasks with an owner now.
    pub tasks: usize,
    /// Request states with an owner now.
    pub request_states: usize,
}

impl State {
    pub(crate) fn new(policy: impl Policy) -> Self {
        Self {
            policy: RwLock::new(Arc::new(policy)),
            stats: Mutex::default(),
            tasks: Bindings::new(),
            sessions: Bindings::new(),
            states: Bindings::new(),
            catalog: Catalog::new(),
            has_edge: AtomicBool::new(false),
            is_in_stack: AtomicBool::new(false),
            no_session: format!("none-{:016x}-", random()).into(),
        }
    }

    pub(crate) fn set_policy(&self, policy: impl Policy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    pub(crate) fn count(&self, add: impl FnOnce(&mut AuthorizeStats)) {
        add(&mut self.stats.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn stats(&self) -> AuthorizeStats {
        AuthorizeStats {
            sessions: self.sessions.len(),
            tasks: self.tasks.len(),
            request_states: self.states.len(),
            ..*self.stats.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// A new session id, which no transport has.
    #[cfg(feature = "http")]
    pub(crate) fn unknown_session(&self) -> String {
        format!("{}{:016x}", self.no_session, random())
    }

    /// True if a request in this session is this principal's. With a layer at the HTTP edge, sessions
    /// are bound when they are opened; without one, when they are used for the first time.
    pub(crate) fn may_use_session(&self, session: &str, principal: &Principal) -> bool {
        let owned = if !self.has_edge.load(Relaxed) {
            self.sessions.claim(session, principal)
        } else if session.starts_with(&*self.no_session) {
            // The edge took the session away, and the transport has none.
            return true;
        } else {
            self.sessions.touch(session, principal)
        };
        owned == Owned::Own
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stats().fmt(f)
    }
}

/// The state, with the policy and the settings that hold for one request.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) state: Arc<State>,
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) settings: Settings,
}

impl Guard {
    pub(crate) fn new(state: &Arc<State>, settings: Settings) -> Self {
        let policy = state.policy.read().unwrap_or_else(PoisonError::into_inner);
        Self {
            state: Arc::clone(state),
            policy: Arc::clone(&policy),
            settings,
        }
    }

    pub(crate) fn may_use_task(&self, task: &str, principal: &Principal) -> bool {
        match self.state.tasks.touch(task, principal) {
            Owned::Unbound => self.settings.allow_unbound_tasks,
            owned => owned == Owned::Own,
        }
    }

    pub(crate) fn may_use_state(&self, state: &str, principal: &Principal) -> bool {
        match self.state.states.touch(state, principal) {
            Owned::Unbound => self.settings.allow_unbound_states,
            owned => owned == Owned::Own,
        }
    }
}

fn random() -> u64 {
    RandomState::new().hash_one(())
}
