use std::sync::Arc;

use crate::{
    bindings::Bindings,
    policy::Policy,
    state::{AuthorizeStats, State},
};

/// A handle of an [`AuthorizeLayer`](crate::AuthorizeLayer) and of all its services: replaces the policy,
/// reads the counters, and gives access to the owners of sessions and tasks.
#[derive(Debug, Clone)]
pub struct AuthorizeHandle {
    state: Arc<State>,
}

impl AuthorizeHandle {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    /// Replaces the policy, here and at the HTTP edge. Requests that are being decided keep the old one.
    pub fn set_policy(&self, policy: impl Policy) {
        self.state.set_policy(policy);
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> AuthorizeStats {
        self.state.stats()
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
