//! How long a request and its attempts may take, and whether it reported progress.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use mcp_layers_core::{Clock, Event, McpError, McpRequest, McpResponse, Progress};
use tokio::time::{Sleep, sleep};

use crate::{layer::Shared, policy::Allows};

/// What a request is watched for.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Up to when attempts may begin: this layer's deadline, or one that was there already.
    pub(crate) deadline: Option<Instant>,
    progress: Option<Progress>,
    /// This layer's own deadline, which ends an attempt.
    own_deadline: Option<Instant>,
    attempt_timeout: Option<Duration>,
    limit: Option<Limit>,
}

/// When the attempt that runs ends.
#[derive(Debug)]
struct Limit {
    after: Duration,
    /// A box only where there is a limit; the timer starts when the attempt is pending.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Watch {
    /// Reads the clock only when there is a limit of this layer.
    #[inline]
    pub(crate) fn start<K, C, Req>(shared: &Shared<K, C>, request: &mut Req, allows: Allows) -> Self
    where
        C: Clock,
        Req: McpRequest,
    {
        let wants_progress = allows == Allows::Repeat && request.progress_token().is_some();
        let context = request.context_mut();
        if wants_progress {
            context.watch_progress();
        }
        let mut watch = Self {
            deadline: context.deadline(),
            progress: context.progress().cloned(),
            ..Self::default()
        };
        if shared.deadline.is_some() || shared.attempt_timeout.is_some() {
            let now = shared.clock.now();
            watch.attempt_timeout = shared.attempt_timeout;
            watch.own_deadline = shared.deadline.and_then(|limit| now.checked_add(limit));
            if let Some(deadline) = watch.own_deadline {
                context.limit_deadline(deadline);
                watch.deadline = context.deadline();
            }
            watch.begin_attempt(now);
        }
        watch
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.own_deadline.is_some() || self.attempt_timeout.is_some()
    }

    /// Sets the limit of the attempt that begins.
    pub(crate) fn begin_attempt(&mut self, now: Instant) {
        let left = self
            .own_deadline
            .map(|deadline| deadline.saturating_duration_since(now));
        let after = [left, self.attempt_timeout].into_iter().flatten().min();
        self.limit = after.map(|after| Limit { after, sleep: None });
    }

    /// Whether the attempt that runs has to end; else the task is woken when it has to.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(limit) = &mut self.limit else {
            return false;
        };
        let after = limit.after;
        let sleep = limit.sleep.get_or_insert_with(|| Box::pin(sleep(after)));
        sleep.as_mut().poll(cx) == Poll::Ready(())
    }

    pub(crate) fn has_progressed(&self) -> bool {
        self.progress
            .as_ref()
            .is_some_and(|progress| progress.last().is_some())
    }

    /// What is answered for an attempt that took too long.
    pub(crate) fn timed_out<R: McpResponse>(&self, to: R::ReplyTo) -> R {
        let mut response = R::from_error(to, McpError::timed_out());
        let after = self
            .limit
            .as_ref()
            .map_or(Duration::ZERO, |limit| limit.after);
        response.trail_mut().push(Event::TimedOut { after });
        response
    }
}
