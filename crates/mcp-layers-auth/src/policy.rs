//! May they: one decision about one operation of one principal.

mod access;
mod builder;
mod decision;
mod function;
mod names;
mod operation;
mod rules;
mod scopes;
mod uri;

use std::{future::Ready, sync::Arc};

use mcp_layers_core::{BoxError, ListedKind, Principal};

pub use access::Access;
pub use builder::RulesBuilder;
pub use decision::{Decision, Denial, RuleName};
pub use function::{AsyncPolicyFn, PolicyFn, async_policy_fn, policy_fn};
pub use operation::Operation;
pub use rules::Rules;

/// Decides what a principal may do.
///
/// The same decision refuses a call, takes an entry out of a list, and makes the HTTP challenge, so
/// that it must depend on nothing but the operation and the principal. [`Rules`] is a table of
/// them; [`policy_fn`] and [`async_policy_fn`] take closures.
///
/// The layers ask only about verified principals, and never about the lifecycle
/// (`initialize`, `server/discover`, `ping`), which is always allowed. A policy that panics, fails
/// or takes too long has denied.
pub trait Policy: Send + Sync + 'static {
    /// The decision of a policy that has to wait for it; [`Immediate`] where none ever does.
    type Future: Future<Output = Result<Decision, BoxError>> + Send + 'static;

    /// Decides about one operation.
    fn decide(&self, operation: Operation<'_>, principal: &Arc<Principal>)
    -> Verdict<Self::Future>;

    /// Whether a decision can be [`Decision::Hide`]. If so, answers to unknown names are made equal
    /// to those to hidden ones. Default: yes.
    fn hides(&self) -> bool {
        true
    }

    /// Visits the names that the policy is sure to exist: errors that the server answers for these
    /// are never taken for that of an unknown name. Default: none.
    fn visit_names(&self, visit: &mut dyn FnMut(ListedKind, &str)) {
        let _ = visit;
    }
}

/// The future of a policy that never waits.
pub type Immediate = Ready<Result<Decision, BoxError>>;

/// A decision, or when it comes.
#[derive(Debug)]
pub enum Verdict<F> {
    /// It is there.
    Now(Decision),
    /// It has to be waited for.
    Later(F),
}

/// A policy that several layers share.
impl<P: Policy> Policy for Arc<P> {
    type Future = P::Future;

    fn decide(&self, operation: Operation<'_>, principal: &Arc<Principal>) -> Verdict<P::Future> {
        P::decide(self, operation, principal)
    }

    fn hides(&self) -> bool {
        P::hides(self)
    }

    fn visit_names(&self, visit: &mut dyn FnMut(ListedKind, &str)) {
        P::visit_names(self, visit);
    }
}
