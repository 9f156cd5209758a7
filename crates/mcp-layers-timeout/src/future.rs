//! The future, and when it has to end.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use mcp_layers_core::{Event, McpError, McpResponse, Progress};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};

use crate::Limits;

pin_project! {
    /// The future of [`Timeout`](crate::Timeout). No box: the timer is part of it, and starts when
    /// the inner future is pending for the first time.
    pub struct ResponseFuture<F, T> {
        #[pin]
        future: Option<F>,
        #[pin]
        sleep: Option<Sleep>,
        limited: Option<(T, Timer)>,
    }
}

impl<F, T> ResponseFuture<F, T> {
    pub(crate) fn unlimited(future: F) -> Self {
        Self {
            future: Some(future),
            sleep: None,
            limited: None,
        }
    }

    pub(crate) fn limited(future: F, reply_to: T, timer: Timer) -> Self {
        Self {
            future: Some(future),
            sleep: None,
            limited: Some((reply_to, timer)),
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R::ReplyTo>
where
    F: Future<Output = Result<R, E>>,
    R: McpResponse,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // An answer that is there in time's last moment wins.
        if let Some(future) = this.future.as_mut().as_pin_mut()
            && let Poll::Ready(output) = future.poll(cx)
        {
            return Poll::Ready(output);
        }
        let Some((_, timer)) = &this.limited else {
            return Poll::Pending;
        };
        let over = loop {
            // What lies beyond the clock's end never comes.
            let Some((at, over)) = timer.next() else {
                return Poll::Pending;
            };
            let at = at.into();
            match this.sleep.as_mut().as_pin_mut() {
                None => this.sleep.set(Some(sleep_until(at))),
                Some(sleep) if sleep.deadline() != at => sleep.reset(at),
                Some(sleep) => {
                    ready!(sleep.poll(cx));
                    break over;
                }
            }
        };
        // The handler's work ends here; an upstream is told that nobody waits any more.
        this.future.set(None);
        let Some((reply_to, timer)) = this.limited.take() else {
            return Poll::Pending;
        };
        Poll::Ready(Ok(timer.answer(reply_to, over)))
    }
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Maximum,
    Idle,
    CallersDeadline,
}

/// When a request has to end.
#[derive(Debug)]
pub(crate) struct Timer {
    started: Instant,
    limits: Limits,
    /// What an outer layer or the caller asked for.
    callers: Option<Instant>,
    progress: Option<Progress>,
}

impl Timer {
    pub(crate) fn new(
        started: Instant,
        limits: Limits,
        callers: Option<Instant>,
        progress: Option<Progress>,
    ) -> Self {
        Self {
            started,
            limits,
            callers,
            progress,
        }
    }

    /// The limit that is reached first if nothing else happens.
    fn next(&self) -> Option<(Instant, Over)> {
        let progress = self.progress.as_ref().and_then(Progress::last);
        let active = progress.map_or(self.started, |last| last.max(self.started));
        let idle = self.limits.longest_idle();
        let limits = [
            (
                self.started.checked_add(self.limits.longest()),
                Over::Maximum,
            ),
            (idle.and_then(|idle| active.checked_add(idle)), Over::Idle),
            (self.callers, Over::CallersDeadline),
        ];
        let limits = limits
            .into_iter()
            .filter_map(|(at, over)| Some((at?, over)));
        limits.min_by_key(|(at, _)| *at)
    }

    fn answer<R: McpResponse>(&self, reply_to: R::ReplyTo, over: Over) -> R {
        let (error, after) = match over {
            Over::Maximum => (McpError::timed_out(), self.limits.longest()),
            Over::Idle => {
                let idle = self.limits.longest_idle().unwrap_or_default();
                (McpError::timed_out(), idle)
            }
            Over::CallersDeadline => {
                let deadline = self.callers.unwrap_or(self.started);
                let after = deadline.saturating_duration_since(self.started);
                (McpError::deadline_exceeded(), after)
            }
        };
        let mut response = R::from_error(reply_to, error);
        response.trail_mut().push(Event::TimedOut { after });
        response
    }
}

impl<F, T> fmt::Debug for ResponseFuture<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
