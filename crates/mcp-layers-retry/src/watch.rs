//! How long a request and its attempts may take, and whether it reported progress.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use mcp_layers_core::{CallContext, Clock, Event, McpError, McpRequest, McpResponse};
use tokio::time::{Sleep, sleep};

use crate::{layer::Shared, policy::Allows};

/// How long attempts may take. A box only where this layer has limits, so that the future stays
/// small without.
#[derive(Debug, Default)]
pub(crate) struct Watch(Option<Box<Limits>>);

/// The limits of this layer.
#[derive(Debug)]
struct Limits {
    /// Its deadline, which ends an attempt.
    deadline: Option<Instant>,
    attempt_timeout: Option<Duration>,
    current: Option<Limit>,
}

/// When the attempt that runs ends.
#[derive(Debug)]
struct Limit {
    after: Duration,
    /// The timer starts when the attempt is pending.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Watch {
    /// Also tells the request's context what to watch for, which is found there again. Reads the
    /// clock only when there is a limit of this layer.
    #[inline]
    pub(crate) fn start<K, C, Req>(shared: &Shared<K, C>, request: &mut Req, allows: Allows) -> Self
    where
        C: Clock,
        Req: McpRequest,
    {
        let wants_progress = allows == Allows::Repeat && request.progress_token().is_some();
        if wants_progress {
            request.context_mut().watch_progress();
        }
        if shared.deadline.is_none() && shared.attempt_timeout.is_none() {
            return Self(None);
        }
        Self::limited(shared, request.context_mut())
    }

    #[inline(never)]
    fn limited<K, C: Clock>(shared: &Shared<K, C>, context: &mut CallContext) -> Self {
        let now = shared.clock.now();
        let deadline = shared.deadline.and_then(|limit| now.checked_add(limit));
        if let Some(deadline) = deadline {
            context.limit_deadline(deadline);
        }
        let mut watch = Self(Some(Box::new(Limits {
            deadline,
            attempt_timeout: shared.attempt_timeout,
            current: None,
        })));
        watch.begin_attempt(now);
        watch
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Sets the limit of the attempt that begins.
    pub(crate) fn begin_attempt(&mut self, now: Instant) {
        if let Some(limits) = &mut self.0 {
            let left = limits
                .deadline
                .map(|deadline| deadline.saturating_duration_since(now));
            let after = [left, limits.attempt_timeout].into_iter().flatten().min();
            limits.current = after.map(|after| Limit { after, sleep: None });
        }
    }

    /// Whether the attempt that runs has to end; else the task is woken when it has to.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let limits = self.0.as_mut();
        let Some(limit) = limits.and_then(|limits| limits.current.as_mut()) else {
            return false;
        };
        let after = limit.after;
        let sleep = limit.sleep.get_or_insert_with(|| Box::pin(sleep(after)));
        sleep.as_mut().poll(cx) == Poll::Ready(())
    }

    /// What is answered for an attempt that took too long.
    pub(crate) fn timed_out<R: McpResponse>(&self, to: R::ReplyTo) -> R {
        let mut response = R::from_error(to, McpError::timed_out());
        let limits = self.0.as_ref();
        let limit = limits.and_then(|limits| limits.current.as_ref());
        let after = limit.map_or(Duration::ZERO, |limit| limit.after);
        response.trail_mut().push(Event::TimedOut { after });
        response
    }
}
