//! The check of one request: its principal, session, task and request state, and the policy.

use std::sync::Arc;

use mcp_layers_core::{ListedKind, McpRequest, Method, Principal};

use crate::{
    bindings::Owned,
    decisions::Decisions,
    policy::{Operation, Policy},
    rejection::Rejection,
    settings::Settings,
    state::State,
};

/// The result of a check.
pub(crate) enum Check<F> {
    /// The lifecycle, which needs no access.
    Exempt,
    Allowed(Arc<Principal>),
    Rejected(Rejection),
    /// The policy waits.
    Pending(Decisions<F>, Arc<Principal>),
}

/// Checks everything that a request asks for.
pub(crate) fn check<P: Policy, Req: McpRequest>(
    state: &State<P>,
    policy: &P,
    settings: &Settings,
    request: &Req,
) -> Check<P::Future> {
    let method = request.method();
    let principal = request.context().principal();
    let Some(principal) = principal.filter(|principal| principal.is_verified()) else {
        return match method.is_lifecycle() {
            true => Check::Exempt,
            false => Check::Rejected(Rejection::no_principal()),
        };
    };
    if let Some(session) = request.connection().session_id
        && !may_use_session(state, session, principal)
    {
        return Check::Rejected(Rejection::foreign_session());
    }
    if method.is_lifecycle() {
        return Check::Exempt;
    }
    let (kind, target) = (request.target_kind(), request.target());
    if kind == Some(ListedKind::Task)
        && !target.is_some_and(|task| may_use_task(state, settings, task, principal))
    {
        return Check::Rejected(Rejection::foreign_task());
    }
    // Before the policy, so that hidden and unknown names get the same answer.
    if !may_use_state(state, settings, request, principal) {
        return Check::Rejected(Rejection::foreign_state());
    }
    if let (Some(kind), None) = (kind, target)
        && policy.allows_all(kind, principal)
    {
        return Check::Allowed(Arc::clone(principal));
    }
    let mut decisions = Decisions::new(settings.policy_timeout);
    let operation = Operation {
        method,
        kind,
        target,
    };
    decisions.evaluate(policy, operation, principal);
    if method == Method::Listen {
        request.visit_subscriptions(&mut |uri| {
            let operation = Operation::new(Method::Subscribe).on(ListedKind::Resource, uri);
            decisions.evaluate(policy, operation, principal);
        });
    }
    if !decisions.is_complete() {
        return Check::Pending(decisions, Arc::clone(principal));
    }
    let (decision, failures) = decisions.take_combined();
    match Rejection::from_decision(decision, failures) {
        Some(rejection) => Check::Rejected(rejection),
        None => Check::Allowed(Arc::clone(principal)),
    }
}

/// With a layer at the HTTP edge, sessions are bound when they are opened; without one, when they are
/// used for the first time.
fn may_use_session<P>(state: &State<P>, session: &str, principal: &Principal) -> bool {
    let owned = if state.has_edge() {
        state.sessions.touch(session, principal)
    } else {
        state.sessions.claim(session, principal)
    };
    owned == Owned::Own
}

pub(crate) fn may_use_task<P>(
    state: &State<P>,
    settings: &Settings,
    task: &str,
    principal: &Principal,
) -> bool {
    match state.tasks.touch(task, principal) {
        Owned::Own => true,
        Owned::Foreign => false,
        Owned::Unbound => settings.allow_unbound_tasks,
    }
}

fn may_use_state<P, Req: McpRequest>(
    state: &State<P>,
    settings: &Settings,
    request: &Req,
    principal: &Principal,
) -> bool {
    let Some(token) = request.request_state() else {
        return true;
    };
    match state.states.touch(token, principal) {
        Owned::Own => true,
        Owned::Foreign => false,
        Owned::Unbound => settings.allow_unbound_states,
    }
}
