//! The decision about one body.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use mcp_layers_core::{JsonRpcRequest, McpRequest, Method};

use crate::{
    check::{Check, check},
    decisions::Decisions,
    policy::{Decision, Policy},
    rejection::{Reason, Rejection},
    settings::Settings,
    state::State,
};

/// The checks of the requests of a body.
pub(super) struct BodyCheck<P: Policy> {
    checks: Vec<(JsonRpcRequest, RequestCheck<P>)>,
    is_in_stack: bool,
}

enum RequestCheck<P: Policy> {
    Done(Option<Rejection>),
    Pending(Decisions<P::Future>),
}

/// The outcome for the whole body.
pub(super) enum BodyDecision {
    /// Passed on.
    Pass,
    /// Passed on, and this tool must not be found by the transport.
    PassHidden(Arc<str>),
    /// Answered with this rejection of this request.
    Reject(Box<JsonRpcRequest>, Rejection),
}

impl<P: Policy> BodyCheck<P> {
    pub(super) fn new(
        state: &State<P>,
        settings: &Settings,
        requests: Vec<JsonRpcRequest>,
    ) -> Self {
        let policy = state.policy();
        let checked = |request: JsonRpcRequest| {
            let check = match check(state, &*policy, settings, &request) {
                Check::Exempt | Check::Allowed(_) => RequestCheck::Done(None),
                Check::Rejected(rejection) => RequestCheck::Done(Some(rejection)),
                Check::Pending(decisions, _) => RequestCheck::Pending(decisions),
            };
            (request, check)
        };
        Self {
            checks: requests.into_iter().map(checked).collect(),
            is_in_stack: state.is_in_stack(),
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<BodyDecision> {
        for (_, check) in &mut self.checks {
            if let RequestCheck::Pending(decisions) = check {
                ready!(decisions.poll(cx));
                let (decision, failures) = decisions.take_combined();
                *check = RequestCheck::Done(Rejection::from_decision(decision, failures));
            }
        }
        Poll::Ready(self.decide())
    }

    /// Denials that a scope would change are answered here, for the body as a whole. The MCP layer
    /// answers all others in the form of a result of MCP; where there is none, they are answered here.
    fn decide(&mut self) -> BodyDecision {
        let mut hidden_tool = None;
        let mut denial: Option<(JsonRpcRequest, Rejection)> = None;
        let mut other = None;
        for (request, check) in self.checks.drain(..) {
            let RequestCheck::Done(Some(rejection)) = check else {
                continue;
            };
            match rejection.reason {
                Reason::Denied(new) if new.missing_scopes().len() > 0 => {
                    let (request, so_far) = match denial.take() {
                        Some((first, rejection)) => (first, rejection.into_decision()),
                        None => (request, Decision::Allow),
                    };
                    let joined = so_far.and(Decision::Deny(new));
                    denial = Rejection::from_decision(joined, Vec::new())
                        .map(|rejection| (request, rejection));
                }
                _ => {
                    if matches!(rejection.reason, Reason::Hidden)
                        && request.method() == Method::CallTool
                    {
                        hidden_tool = request.target().map(Arc::from);
                    }
                    other = other.or(Some((request, rejection)));
                }
            }
        }
        let answered_here = denial.or(other.filter(|_| !self.is_in_stack));
        match (answered_here, hidden_tool) {
            (Some((request, rejection)), _) => BodyDecision::Reject(Box::new(request), rejection),
            (None, Some(tool)) => BodyDecision::PassHidden(tool),
            (None, None) => BodyDecision::Pass,
        }
    }
}
