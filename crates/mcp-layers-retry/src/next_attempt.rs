//! The decision about a further attempt.

use mcp_layers_core::{
    Class, Event, McpResponse, Method, Outcome, code, progress::Progress, request::ReplayRequest,
    trail::GiveUpReason,
};
use tower_service::Service;

use crate::{
    retry_after::retry_after,
    retry_state::{Next, Output, RetryState},
    safety::is_refusal,
    settings::Settings,
};

impl<S, Req> RetryState<S, Req>
where
    S: Service<Req, Response = Req::Response>,
    Req: ReplayRequest,
{
    /// Decides about a further attempt. `None` as outcome stands for an attempt that reached its time
    /// limit.
    pub(crate) fn next_attempt(&self, outcome: Option<&Output<S, Req>>) -> Next {
        let settings = &self.shared.settings;
        let (method, context) = (self.request.method(), self.request.context());
        let mut asked = None;
        match outcome {
            Some(Ok(response)) => {
                let outcome = response.outcome();
                if !settings.is_failure(method, &outcome) {
                    return Next::Final;
                }
                let is_open = |event: &Event| matches!(event, Event::CircuitOpen { .. });
                if response.trail().events().any(is_open) {
                    // Asking again is what an open circuit prevents.
                    return Next::GiveUp(GiveUpReason::CircuitOpen);
                }
                if let Outcome::Protocol { data, .. } = outcome {
                    asked = retry_after(data);
                }
            }
            Some(Err(_)) if settings.classify.classify_failure(method) != Class::Failure => {
                return Next::Final;
            }
            Some(Err(_)) | None => {}
        }
        if context.progress().and_then(Progress::last).is_some() {
            return Next::GiveUp(GiveUpReason::Progress);
        }
        if self.number >= self.of {
            return Next::GiveUp(GiveUpReason::Attempts);
        }
        let mut wait = settings.backoff.wait(self.number, (settings.random)());
        if let Some(asked) = asked {
            if asked > settings.max_retry_after {
                return Next::GiveUp(GiveUpReason::RetryAfter);
            }
            // The jitter is added, so that clients come back spread.
            wait = asked.saturating_add(wait);
        }
        let now = settings.clock.now();
        if let Some(deadline) = context.deadline()
            && now.checked_add(wait).is_none_or(|then| then >= deadline)
        {
            return Next::GiveUp(GiveUpReason::Deadline);
        }
        let principal = context.principal().map(|principal| &**principal);
        if !settings.budget.withdraw(principal, now) {
            return Next::GiveUp(GiveUpReason::Budget);
        }
        Next::RetryAfter(wait)
    }
}

impl Settings {
    /// Returns true for a failure that another attempt may avoid. The classifier has no say about
    /// results, caller errors (401 and 403 among them), and requests that were given up: they are
    /// final.
    fn is_failure(&self, method: Method<'_>, outcome: &Outcome<'_>) -> bool {
        let is_final = match outcome.code() {
            None => !(self.repeats_tool_errors && *outcome == Outcome::ToolError),
            Some(code::CANCELLED | code::DEADLINE_EXCEEDED) => true,
            Some(code) => code::is_caller_error(code),
        };
        !is_final
            && (is_refusal(outcome) || self.classify.classify(method, outcome) == Class::Failure)
    }
}
