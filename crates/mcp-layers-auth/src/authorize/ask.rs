//! What is asked about one request.

use std::sync::Arc;

use mcp_layers_core::{ListedKind, McpRequest, Method, Principal};

use super::{Judge, Refusal, Settings, Shared, judge::ask};
use crate::{Decision, Operation, Policy, Verdict, bindings::Whose};

/// What came of asking.
pub(crate) enum Asked<F> {
    /// Nobody was asked, because nobody needs to be: the lifecycle.
    Exempt,
    /// Refused before the policy was asked.
    Refused(Refusal),
    /// The policy allows it, and nothing is left to ask.
    Allowed(About, Arc<Principal>),
    /// The policy was asked.
    Judging(Judge<F>, About, Arc<Principal>),
}

/// What the request is, as far as it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    /// `None` for a method that is not known.
    pub(super) method: Option<Method<'static>>,
    pub(super) kind: Option<ListedKind>,
}

/// Asks about everything that a request wants.
pub(crate) fn ask_about<P: Policy, Req: McpRequest>(
    shared: &Shared<P>,
    settings: &Settings,
    request: &Req,
) -> Asked<P::Future> {
    let method = request.method();
    let principal = request.context().principal();
    let Some(principal) = principal.filter(|principal| principal.is_verified()) else {
        return match method.is_lifecycle() {
            true => Asked::Exempt,
            false => Asked::Refused(Refusal::no_principal()),
        };
    };
    if let Some(session) = request.connection().session_id
        && !may_use_session(shared, session, principal)
    {
        return Asked::Refused(Refusal::foreign_session());
    }
    if method.is_lifecycle() {
        return Asked::Exempt;
    }
    let (kind, target) = (request.target_kind(), request.target());
    if kind == Some(ListedKind::Task)
        && !target.is_some_and(|task| may_use_task(shared, settings, task, principal))
    {
        return Asked::Refused(Refusal::foreign_task());
    }
    let operation = Operation {
        method,
        kind,
        target,
    };
    let about = About {
        method: method.known(),
        kind,
    };
    let said = ask(&shared.policy, operation, principal);
    if method != Method::Listen && matches!(said, Ok(Verdict::Now(Decision::Allow))) {
        return Asked::Allowed(about, Arc::clone(principal));
    }
    let mut judge = Judge::of_all(settings.timeout);
    judge.hear(said);
    if method == Method::Listen {
        request.visit_subscriptions(&mut |uri| {
            let operation = Operation::new(Method::Subscribe).on(ListedKind::Resource, uri);
            judge.ask(&shared.policy, operation, principal);
        });
    }
    Asked::Judging(judge, about, Arc::clone(principal))
}

/// With a layer at the HTTP edge, sessions are bound when they are opened; without one, when they
/// are used for the first time.
fn may_use_session<P>(shared: &Shared<P>, session: &str, principal: &Principal) -> bool {
    let whose = if shared.has_edge() {
        shared.sessions.whose(session, principal)
    } else {
        shared.sessions.claim(session, principal)
    };
    whose == Whose::Own
}

pub(super) fn may_use_task<P>(
    shared: &Shared<P>,
    settings: &Settings,
    task: &str,
    principal: &Principal,
) -> bool {
    match shared.tasks.whose(task, principal) {
        Whose::Own => true,
        Whose::Other => false,
        Whose::Nobody => settings.unbound_tasks,
    }
}
