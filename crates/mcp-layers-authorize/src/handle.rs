use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{bindings::Bindings, state::State};

/// A handle of an [`AuthorizeLayer`](crate::AuthorizeLayer) and of all its services: replaces the policy,
/// reads the counters, and gives access to the owners of sessions and tasks.
pub struct AuthorizeHandle<P> {
    state: Arc<State<P>>,
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
    /// Requests that got the answer to an unknown name because the policy hides it.
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

impl<P> AuthorizeHandle<P> {
    pub(crate) fn new(state: Arc<State<P>>) -> Self {
        Self { state }
    }

    /// Replaces the policy, here and at the HTTP edge. Requests that are being decided keep the old one.
    pub fn set_policy(&self, policy: P) {
        self.state.set_policy(policy);
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> AuthorizeStats {
        let counters = &self.state.counters;
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        AuthorizeStats {
            unauthenticated: read(&counters.unauthenticated),
            denied: read(&counters.denied),
            hidden: read(&counters.hidden),
            foreign: read(&counters.foreign),
            policy_failed: read(&counters.policy_failed),
            filtered: read(&counters.filtered),
            sessions: self.state.sessions.len(),
            tasks: self.state.tasks.len(),
            request_states: self.state.states.owners.len(),
        }
    }

    /// The owners of tasks. Tasks that are created through the layer are bound automatically.
    #[must_use]
    pub fn tasks(&self) -> &Bindings {
        &self.state.tasks
    }

    /// The owners of legacy sessions. Sessions that are opened through the HTTP edge
    /// (`AuthorizeHttpLayer`) are bound automatically; without it, a session belongs to the first
    /// principal that uses it.
    #[must_use]
    pub fn sessions(&self) -> &Bindings {
        &self.state.sessions
    }
}

impl<P> Clone for AuthorizeHandle<P> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.state))
    }
}

impl<P> fmt::Debug for AuthorizeHandle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeHandle")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
