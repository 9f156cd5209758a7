//! The sessions of legacy clients.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{owner::Owner, recent::Recent};
use crate::session::Session;

/// The outcomes of `initialize`.
#[derive(Debug)]
pub(super) struct Sessions(Mutex<Recent<Owner, Session>>);

impl Sessions {
    pub(super) fn new(max_sessions: usize, max_bytes: usize) -> Self {
        Self(Mutex::new(Recent::new(max_sessions, max_bytes, None)))
    }

    /// Remembers a session. `weight` is the number of bytes of its `initialize`.
    pub(super) fn begin(&self, owner: Owner, session: Session, weight: usize) {
        self.lock().insert(owner, session, weight);
    }

    pub(super) fn get(&self, owner: &Owner) -> Option<Session> {
        self.lock().get(owner).cloned()
    }

    pub(super) fn end(&self, owner: &Owner) {
        self.lock().remove(owner);
    }

    fn lock(&self) -> MutexGuard<'_, Recent<Owner, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
