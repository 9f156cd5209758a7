//! The limits of one request, measured from its beginning.

use std::{
    task::Waker,
    time::{Duration, Instant},
};

use mcp_layers_core::{
    Event, McpError, McpResponse, RefusalAddress,
    progress::{InputWait, Progress},
};

use crate::settings::Limits;

/// The limit that a request reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    Maximum,
    Idle,
    InputWait,
    /// A deadline that was in the request's context already.
    Deadline,
}

/// The limits of one request.
#[derive(Debug)]
pub(crate) struct Timer {
    pub(crate) started: Instant,
    pub(crate) limits: Limits,
    /// The deadline that the caller or an outer layer set.
    pub(crate) deadline: Option<Instant>,
    pub(crate) progress: Option<Progress>,
    pub(crate) input_wait: Option<InputWait>,
    /// The time that an earlier attempt waited for the client.
    pub(crate) waited_before: Duration,
}

impl Timer {
    /// The limit that is reached first if nothing else happens. A limit beyond the range of
    /// [`Instant`] is never reached.
    pub(crate) fn next(&self) -> Option<(Instant, Reached)> {
        let waited = self.waited();
        let since = self.input_wait.as_ref().and_then(InputWait::since);
        if let Some(since) = since {
            // The other limits stand still until the client has answered.
            let left = self.limits.input_wait.saturating_sub(waited);
            return Some((since.checked_add(left)?, Reached::InputWait));
        }
        let progress = self.progress.as_ref().and_then(Progress::last);
        let answered = self.input_wait.as_ref().and_then(InputWait::last_end);
        let active = [progress, answered].into_iter().flatten();
        let active = active.fold(self.started, Instant::max);
        let later = |at: Option<Instant>| at?.checked_add(waited);
        let maximum = self.started.checked_add(self.limits.maximum);
        let idle = self.limits.idle.and_then(|idle| active.checked_add(idle));
        let limits = [
            (later(maximum), Reached::Maximum),
            (idle, Reached::Idle),
            (later(self.deadline), Reached::Deadline),
        ];
        let limits = limits.into_iter();
        let limits = limits.filter_map(|(at, reached)| Some((at?, reached)));
        limits.min_by_key(|(at, _)| *at)
    }

    /// Wakes the task when a wait for the client ends, after which other limits hold.
    pub(crate) fn wake_at_end_of_wait(&self, waker: &Waker) {
        if let Some(wait) = self
            .input_wait
            .as_ref()
            .filter(|wait| wait.since().is_some())
        {
            wait.wake_at_end(waker);
        }
    }

    /// The time that the request has waited for the client, in waits that are over.
    fn waited(&self) -> Duration {
        let waited = self.input_wait.as_ref().map(InputWait::finished);
        waited
            .unwrap_or_default()
            .saturating_sub(self.waited_before)
    }

    /// The answer to a request that reached a limit.
    pub(crate) fn answer<R: McpResponse>(
        &self,
        to: RefusalAddress<R::ReplyTo>,
        reached: Reached,
    ) -> R {
        let (after, detail) = match reached {
            Reached::Maximum => (self.limits.maximum, ""),
            Reached::Idle => (self.limits.idle.unwrap_or_default(), " without progress"),
            Reached::InputWait => (self.limits.input_wait, " of waiting for the client"),
            Reached::Deadline => {
                let deadline = self.deadline.unwrap_or(self.started);
                (deadline.saturating_duration_since(self.started), "")
            }
        };
        let error = if reached == Reached::Deadline {
            McpError::deadline_exceeded()
        } else {
            McpError::timed_out()
        };
        let mut error = error.after(after);
        error.message.to_mut().push_str(detail);
        to.answer(error, Event::TimedOut { after })
    }
}
