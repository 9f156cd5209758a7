//! The policy: one decision about one operation of one principal.

mod access;
mod builder;
mod decision;
mod operation;
mod patterns;
mod rules;
mod scopes;
mod uri;

use std::{fmt, pin::Pin, sync::Arc};

use mcp_layers_core::{BoxError, ListedKind, Principal};

pub use access::Access;
pub use builder::RulesBuilder;
pub use decision::{Decision, Denial};
pub use operation::Operation;
pub use rules::Rules;

/// A policy: decides what a principal may do.
///
/// The same decision refuses a call, removes an entry from a list and makes the HTTP challenge, so
/// that it must depend on the operation and the principal alone. [`Rules`] is a table of rules;
/// [`policy_fn`] and [`async_policy_fn`] take closures.
///
/// The layers ask only about verified principals, and never about the lifecycle (`initialize`,
/// `server/discover`, `ping`), which is always allowed. A policy that panics, fails or takes too long
/// has denied.
pub trait Policy: Send + Sync + 'static {
    /// Decides about one operation.
    fn evaluate(&self, operation: Operation<'_>, principal: &Arc<Principal>) -> Evaluation;

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

/// A decision, or the future of one.
pub enum Evaluation {
    /// A decision that was made at once.
    Ready(Decision),
    /// A decision that is still to come. An error counts as a denial.
    Pending(PendingDecision),
}

/// The future of a decision.
pub type PendingDecision = Pin<Box<dyn Future<Output = Result<Decision, BoxError>> + Send>>;

impl From<Decision> for Evaluation {
    fn from(decision: Decision) -> Self {
        Self::Ready(decision)
    }
}

impl fmt::Debug for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(decision) => decision.fmt(f),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

/// Makes a policy from a closure that decides at once.
///
/// ```
/// use mcp_layers_authorize::{Decision, policy_fn};
///
/// let policy = policy_fn(|operation, principal| match operation.target {
///     Some("admin_reset") if !principal.has_role("operator") => Decision::hide("operators only"),
///     _ => Decision::Allow,
/// });
/// # let _ = mcp_layers_authorize::AuthorizeLayer::new(policy);
/// ```
pub fn policy_fn<F>(decide: F) -> impl Policy
where
    F: Fn(Operation<'_>, &Arc<Principal>) -> Decision + Send + Sync + 'static,
{
    PolicyFn(
        move |operation: Operation<'_>, principal: &Arc<Principal>| {
            Evaluation::Ready(decide(operation, principal))
        },
    )
}

/// Makes a policy from a closure that returns a future, such as one that asks a service. An error
/// counts as a denial. The closure copies what the future needs.
///
/// ```
/// use mcp_layers_authorize::{Decision, async_policy_fn};
/// use mcp_layers_core::BoxError;
///
/// let policy = async_policy_fn(|operation, principal| {
///     let tool = operation.target.map(ToOwned::to_owned);
///     let principal = principal.clone();
///     async move {
///         // Ask the service that knows.
///         let may = tool.as_deref() != Some("pay") || principal.tenant() == Some("acme");
///         Ok::<_, BoxError>(if may { Decision::Allow } else { Decision::deny("payments") })
///     }
/// });
/// # let _ = mcp_layers_authorize::AuthorizeLayer::new(policy);
/// ```
pub fn async_policy_fn<F, Fut>(decide: F) -> impl Policy
where
    F: Fn(Operation<'_>, &Arc<Principal>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Decision, BoxError>> + Send + 'static,
{
    PolicyFn(
        move |operation: Operation<'_>, principal: &Arc<Principal>| {
            Evaluation::Pending(Box::pin(decide(operation, principal)))
        },
    )
}

struct PolicyFn<F>(F);

impl<F> Policy for PolicyFn<F>
where
    F: Fn(Operation<'_>, &Arc<Principal>) -> Evaluation + Send + Sync + 'static,
{
    fn evaluate(&self, operation: Operation<'_>, principal: &Arc<Principal>) -> Evaluation {
        (self.0)(operation, principal)
    }
}
