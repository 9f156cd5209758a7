use std::{future::Ready, sync::Arc};

use mcp_layers_core::{BoxError, ListedKind, Principal};

use super::{decision::Decision, operation::Operation};

/// A policy: decides what a principal may do.
///
/// The same decision refuses a call, removes an entry from a list and makes the HTTP challenge, so
/// that it must depend on the operation and the principal alone. [`Rules`](crate::Rules) is a table
/// of rules; [`policy_fn`](crate::policy_fn) and [`async_policy_fn`](crate::async_policy_fn) take
/// closures.
///
/// The layers ask only about verified principals, and never about the lifecycle (`initialize`,
/// `server/discover`, `ping`), which is always allowed. A policy that panics, fails or takes too long
/// has denied.
pub trait Policy: Send + Sync + 'static {
    /// The pending decision of a policy that does I/O; [`Immediate`] for one that never waits.
    type Future: Future<Output = Result<Decision, BoxError>> + Send + 'static;

    /// Decides about one operation.
    fn evaluate(
        &self,
        operation: Operation<'_>,
        principal: &Arc<Principal>,
    ) -> Evaluation<Self::Future>;

    /// True if something of this kind (without one: a method) can be hidden from this principal. If so,
    /// the server's answers to unknown names are made equal to the answers to hidden ones; otherwise
    /// they reach the principal in the server's own words. Default: yes.
    fn hides(&self, kind: Option<ListedKind>, principal: &Principal) -> bool {
        let _ = (kind, principal);
        true
    }

    /// True if the principal may do everything with things of this kind. Requests whose name cannot be
    /// read are then left to the server; otherwise they are decided without a target. Default: no.
    fn allows_all(&self, kind: ListedKind, principal: &Principal) -> bool {
        let _ = (kind, principal);
        false
    }

    /// True if the policy knows that something of this name exists. The server's own errors about it
    /// are kept, because they cannot mean that the name is unknown. Default: no.
    fn knows(&self, kind: ListedKind, name: &str) -> bool {
        let _ = (kind, name);
        false
    }
}

/// The future of a policy that never waits.
pub type Immediate = Ready<Result<Decision, BoxError>>;

/// A decision, or the future of one.
#[derive(Debug)]
pub enum Evaluation<F> {
    /// A decision that was made at once.
    Ready(Decision),
    /// A decision that is still to come. An error counts as a denial.
    Pending(F),
}

impl<F> From<Decision> for Evaluation<F> {
    fn from(decision: Decision) -> Self {
        Self::Ready(decision)
    }
}

/// A policy that several layers share.
impl<P: Policy> Policy for Arc<P> {
    type Future = P::Future;

    fn evaluate(
        &self,
        operation: Operation<'_>,
        principal: &Arc<Principal>,
    ) -> Evaluation<P::Future> {
        P::evaluate(self, operation, principal)
    }

    fn hides(&self, kind: Option<ListedKind>, principal: &Principal) -> bool {
        P::hides(self, kind, principal)
    }

    fn allows_all(&self, kind: ListedKind, principal: &Principal) -> bool {
        P::allows_all(self, kind, principal)
    }

    fn knows(&self, kind: ListedKind, name: &str) -> bool {
        P::knows(self, kind, name)
    }
}
