//! The decision about a further attempt.

use std::time::{Duration, Instant};

use mcp_layers_core::{Class, Event, McpResponse, Method, Outcome, code, trail::GiveUpReason};

use crate::{retry_after::retry_after, safety::is_refusal, settings::Settings};

/// A failed or answered attempt, as far as the decision depends on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) method: Method<'a>,
    /// 1 for the first.
    pub(crate) number: u32,
    /// The most attempts.
    pub(crate) of: u32,
    /// The time after which no attempt may begin.
    pub(crate) deadline: Option<Instant>,
    /// True if the request has reported progress.
    pub(crate) has_progress: bool,
}

/// The outcome of an attempt.
pub(crate) enum Ended<'a, R> {
    Answered(&'a R),
    /// The inner service returned an error.
    Failed,
    TimedOut,
}

/// The decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The answer stands: a result, or an error that is final.
    Final,
    GiveUp(GiveUpReason),
    /// Another attempt follows after this time. It is paid for.
    RetryAfter(Duration),
}

impl Settings {
    pub(crate) fn next_attempt<R: McpResponse>(
        &self,
        attempt: Attempt<'_>,
        ended: &Ended<'_, R>,
    ) -> Next {
        let mut asked = None;
        match ended {
            Ended::Answered(response) => {
                let outcome = response.outcome();
                if !self.is_failure(attempt.method, &outcome) {
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
            Ended::Failed if self.classify.classify_failure(attempt.method) != Class::Failure => {
                return Next::Final;
            }
            Ended::Failed | Ended::TimedOut => {}
        }
        if attempt.has_progress {
            return Next::GiveUp(GiveUpReason::Progress);
        }
        if attempt.number >= attempt.of {
            return Next::GiveUp(GiveUpReason::Attempts);
        }
        let mut wait = self.backoff.wait(attempt.number, (self.random)());
        if let Some(asked) = asked {
            // Never earlier than asked. The jitter is added, so that clients come back spread.
            wait = asked.min(self.max_retry_after).saturating_add(wait);
        }
        let now = self.clock.now();
        if let Some(deadline) = attempt.deadline
            && now.checked_add(wait).is_none_or(|then| then >= deadline)
        {
            return Next::GiveUp(GiveUpReason::Deadline);
        }
        if !self.budget.withdraw(now) {
            return Next::GiveUp(GiveUpReason::Budget);
        }
        Next::RetryAfter(wait)
    }

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
