//! Time limits of a request and of its attempts.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use mcp_layers_core::{Event, McpError, McpRequest, McpResponse};
use tokio::time::{Sleep, sleep};

use crate::settings::Settings;

/// The limits of the attempt that runs.
#[derive(Debug, Default)]
pub(crate) struct TimeLimit {
    /// The layer's own deadline, which ends an attempt.
    deadline: Option<Instant>,
    attempt_timeout: Option<Duration>,
    /// The time left for the attempt that runs.
    left: Option<Duration>,
    /// The timer of that attempt, from when it was first pending.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl TimeLimit {
    /// Starts the limits of a request, and passes the deadline to inner layers.
    pub(crate) fn start<Req: McpRequest>(settings: &Settings, request: &mut Req) -> Self {
        let mut limit = Self {
            attempt_timeout: settings.attempt_timeout,
            ..Self::default()
        };
        if settings.deadline.is_some() || settings.attempt_timeout.is_some() {
            let now = settings.clock.now();
            let deadline = settings.deadline.and_then(|limit| now.checked_add(limit));
            if let Some(deadline) = deadline {
                request.context_mut().limit_deadline(deadline);
            }
            limit.deadline = deadline;
            limit.start_attempt(now);
        }
        limit
    }

    /// Returns true if there is a limit.
    pub(crate) fn is_set(&self) -> bool {
        self.deadline.is_some() || self.attempt_timeout.is_some()
    }

    /// Starts the limit of an attempt.
    pub(crate) fn start_attempt(&mut self, now: Instant) {
        let left = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(now));
        self.left = [left, self.attempt_timeout].into_iter().flatten().min();
        self.sleep = None;
    }

    /// Returns true if the attempt that runs has reached its limit. Otherwise wakes the task then.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(left) = self.left else {
            return false;
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(left)));
        sleep.as_mut().poll(cx) == Poll::Ready(())
    }

    /// The outcome of an attempt, or `None` if it reaches its limit.
    pub(crate) async fn within<F: Future>(&mut self, attempt: F) -> Option<F::Output> {
        let mut attempt = pin!(attempt);
        poll_fn(|cx| match attempt.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.is_over(cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// The answer to an attempt that reached its limit.
    pub(crate) fn timed_out<R: McpResponse>(&self, to: R::ReplyTo) -> R {
        let after = self.left.unwrap_or_default();
        let mut response = R::from_error(to, McpError::timed_out().after(after));
        response.trail_mut().push(Event::TimedOut { after });
        response
    }
}
