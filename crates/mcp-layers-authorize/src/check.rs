//! The check of one request: its principal, session, task and request state, and the policy.

use std::sync::Arc;

use mcp_layers_core::{Catalog, ListedKind, McpRequest, Method, Principal};

use crate::{
    decisions::Decisions,
    policy::{Decision, Operation},
    rejection::{FOREIGN_TASK, Reason, Rejection},
    state::Guard,
};

/// The result of a check.
pub(crate) enum Check {
    /// The lifecycle, which needs no access.
    Exempt,
    Allowed(Arc<Principal>),
    Rejected(Rejection),
    /// The policy waits.
    Pending(Decisions, Arc<Principal>),
}

/// Checks everything that a request asks for.
pub(crate) fn check<Req: McpRequest>(guard: &Guard, request: &Req) -> Check {
    let policy = &*guard.policy;
    let method = request.method();
    let principal = request.context().principal();
    let Some(principal) = principal.filter(|principal| principal.is_verified()) else {
        return match method.is_lifecycle() {
            true => Check::Exempt,
            false => Check::Rejected(Reason::NoPrincipal.into()),
        };
    };
    if let Some(session) = request.connection().session_id
        && !guard.state.may_use_session(session, principal)
    {
        return Check::Rejected(Reason::ForeignSession.into());
    }
    if method.is_lifecycle() {
        return Check::Exempt;
    }
    let (kind, target) = (request.target_kind(), request.target());
    let is_foreign = kind == Some(ListedKind::Task)
        && !target.is_some_and(|task| guard.may_use_task(task, principal));
    // Before the policy, so that hidden and unknown names get the same answer.
    if let Some(state) = request.request_state()
        && !guard.may_use_state(state, principal)
    {
        return Check::Rejected(Reason::ForeignState.into());
    }
    if let (Some(kind), None) = (kind, target)
        && !is_foreign
        && policy.allows_all(kind, principal)
    {
        return Check::Allowed(Arc::clone(principal));
    }
    let mut decisions = Decisions::new(guard.settings.policy_timeout);
    let operation = Operation {
        method,
        kind,
        target,
    };
    decisions.evaluate(policy, operation, principal);
    if is_foreign {
        decisions.push(Decision::hide(FOREIGN_TASK));
    }
    // Limits and circuits inside would tell an unknown name, which goes on, from a hidden one.
    if let (Some(kind), Some(name)) = (kind, target)
        && Catalog::of(request, &guard.state.catalog).lacks_target(request)
        && policy.hides(Some(kind), principal)
        && !policy.knows(kind, name)
    {
        decisions.push(Decision::hide("unknown name"));
    }
    if method == Method::Listen {
        request.visit_subscriptions(&mut |uri| {
            let operation = Operation::new(Method::Subscribe).on(ListedKind::Resource, uri);
            decisions.evaluate(policy, operation, principal);
        });
    }
    if !decisions.is_complete() {
        return Check::Pending(decisions, Arc::clone(principal));
    }
    match Rejection::by_policy(decisions) {
        Some(rejection) => Check::Rejected(rejection),
        None => Check::Allowed(Arc::clone(principal)),
    }
}
