//! Whether a failed attempt is followed by another, and when.

use std::time::{Duration, Instant};

use mcp_layers_core::{Class, Classify, Clock, Event, GiveUpReason, McpResponse, Method, Outcome};

use crate::{
    hint,
    layer::Shared,
    policy::{is_final, is_refusal},
};

/// Why there is no further attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// There is an answer that is not to be repeated: a result, an error of the caller's.
    Answered,
    Attempts,
    Budget,
    Deadline,
    /// Progress was reported, which must increase (basic/patterns/progress).
    Progress,
    Cancelled,
    /// A circuit further in is open: asking it again is what it is there to prevent.
    CircuitOpen,
}

impl Stop {
    /// As [`Event::GaveUp`] has it.
    pub(crate) fn reason(self) -> Option<GiveUpReason> {
        match self {
            Self::Answered => None,
            Self::Attempts => Some(GiveUpReason::Attempts),
            Self::Budget => Some(GiveUpReason::Budget),
            Self::Deadline => Some(GiveUpReason::Deadline),
            Self::Progress => Some(GiveUpReason::Progress),
            Self::Cancelled => Some(GiveUpReason::Cancelled),
            Self::CircuitOpen => Some(GiveUpReason::CircuitOpen),
        }
    }
}

/// Of how many attempts this was one, and until when there may be more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    pub(crate) number: u32,
    pub(crate) of: u32,
    pub(crate) deadline: Option<Instant>,
}

/// How an attempt ended.
pub(crate) enum Ended<'a, R> {
    Answered(&'a R),
    /// The inner service failed.
    Failed,
    /// It took too long.
    TimedOut,
}

impl<K: Classify, C: Clock> Shared<K, C> {
    /// Whether an outcome is a failure that a repetition may mend.
    pub(crate) fn is_failure(&self, method: Method<'_>, outcome: &Outcome<'_>) -> bool {
        !is_final(outcome)
            && (is_refusal(outcome) || self.classify.classify(method, outcome) == Class::Failure)
    }

    /// How long to wait for the next attempt, which is then paid for.
    pub(crate) fn next<R: McpResponse>(
        &self,
        method: Method<'_>,
        ended: &Ended<'_, R>,
        course: Course,
        progress: bool,
    ) -> Result<Duration, Stop> {
        let mut asked = None;
        if let Ended::Answered(response) = ended {
            let outcome = response.outcome();
            if !self.is_failure(method, &outcome) {
                return Err(Stop::Answered);
            }
            let open = |event: &Event| matches!(event, Event::CircuitOpen { .. });
            if response.trail().events().any(open) {
                return Err(Stop::CircuitOpen);
            }
            if let Outcome::Protocol { data, .. } = outcome {
                asked = hint::retry_after(data);
            }
        }
        if progress {
            return Err(Stop::Progress);
        }
        if course.number >= course.of {
            return Err(Stop::Attempts);
        }
        let random = (self.random)();
        let mut wait = self.backoff.wait(course.number, random);
        if let Some(asked) = asked {
            // Never earlier than asked; the jitter comes on top, so that nobody is early together.
            wait = asked.min(self.max_retry_after).saturating_add(wait);
        }
        let now = self.clock.now();
        if let Some(deadline) = course.deadline
            && now.checked_add(wait).is_none_or(|then| then >= deadline)
        {
            return Err(Stop::Deadline);
        }
        if !self.budget.withdraw(now) {
            return Err(Stop::Budget);
        }
        Ok(wait)
    }
}
