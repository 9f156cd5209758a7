use std::{fmt, sync::Arc};

use mcp_layers_core::{BoxError, Principal};

use super::{
    decision::Decision,
    evaluation::{Evaluation, Immediate, Policy},
    operation::Operation,
};

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
pub fn policy_fn<F>(decide: F) -> PolicyFn<F>
where
    F: Fn(Operation<'_>, &Arc<Principal>) -> Decision + Send + Sync + 'static,
{
    PolicyFn(decide)
}

/// The policy of [`policy_fn`].
#[derive(Clone)]
pub struct PolicyFn<F>(F);

impl<F> Policy for PolicyFn<F>
where
    F: Fn(Operation<'_>, &Arc<Principal>) -> Decision + Send + Sync + 'static,
{
    type Future = Immediate;

    fn evaluate(
        &self,
        operation: Operation<'_>,
        principal: &Arc<Principal>,
    ) -> Evaluation<Immediate> {
        Evaluation::Ready((self.0)(operation, principal))
    }
}

impl<F> fmt::Debug for PolicyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyFn").finish_non_exhaustive()
    }
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
pub fn async_policy_fn<F, Fut>(decide: F) -> AsyncPolicyFn<F>
where
    F: Fn(Operation<'_>, &Arc<Principal>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Decision, BoxError>> + Send + 'static,
{
    AsyncPolicyFn(decide)
}

/// The policy of [`async_policy_fn`].
#[derive(Clone)]
pub struct AsyncPolicyFn<F>(F);

impl<F, Fut> Policy for AsyncPolicyFn<F>
where
    F: Fn(Operation<'_>, &Arc<Principal>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Decision, BoxError>> + Send + 'static,
{
    type Future = Fut;

    fn evaluate(&self, operation: Operation<'_>, principal: &Arc<Principal>) -> Evaluation<Fut> {
        Evaluation::Pending((self.0)(operation, principal))
    }
}

impl<F> fmt::Debug for AsyncPolicyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncPolicyFn").finish_non_exhaustive()
    }
}
