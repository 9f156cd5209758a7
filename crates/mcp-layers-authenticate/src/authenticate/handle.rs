//! The handle, for operators.

use std::sync::{Arc, Mutex, PoisonError};

use super::RefusalReason;

/// A handle of an [`AuthenticateLayer`](crate::AuthenticateLayer) and of all its services, which reads
/// their counters.
#[derive(Debug, Clone, Default)]
pub struct AuthenticateHandle {
    stats: Arc<Mutex<AuthenticateStats>>,
}

/// The counters of an [`AuthenticateLayer`](crate::AuthenticateLayer), since it was made. Requests for
/// the metadata of the resource are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticateStats {
    /// Requests whose credential was accepted.
    pub accepted: u64,
    /// Requests refused because the verifier could not decide.
    pub unavailable: u64,
    /// Requests refused for any other [`RefusalReason`].
    pub refused: u64,
}

impl AuthenticateHandle {
    /// The counters.
    #[must_use]
    pub fn stats(&self) -> AuthenticateStats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a refusal, or an accepted credential.
    pub(super) fn count(&self, refused: Option<RefusalReason>) {
        let mut stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        *match refused {
            None => &mut stats.accepted,
            Some(RefusalReason::Unavailable) => &mut stats.unavailable,
            Some(_) => &mut stats.refused,
        } += 1;
    }
}
