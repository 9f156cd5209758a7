//! The state of a request that may be repeated, from attempt to attempt.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};

use mcp_layers_core::{Event, McpRequest, McpResponse, ReplayRequest, Trail, trail::GiveUpReason};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use crate::{
    next_attempt::{Attempt, Ended, Next},
    state::Shared,
    time_limit::TimeLimit,
};

pub(crate) type Output<S, Req> = Result<<Req as McpRequest>::Response, <S as Service<Req>>::Error>;

type Backoff<S, Req> = BackoffSleep<<Req as McpRequest>::Cancelled, Output<S, Req>>;

/// A request that may be repeated.
pub(crate) struct RetryState<S: Service<Req>, Req: McpRequest> {
    shared: Arc<Shared>,
    /// The instance for further attempts. It is made ready before each.
    inner: S,
    request: Req,
    number: u32,
    of: u32,
    /// The trails of earlier attempts.
    earlier: Trail,
    backoff: Option<Pin<Box<Backoff<S, Req>>>>,
}

pin_project! {
    /// The wait before the next attempt, which ends early when the caller cancels the request.
    struct BackoffSleep<C, O> {
        #[pin]
        sleep: Sleep,
        #[pin]
        cancelled: C,
        // The answer if the caller cancels.
        failed: Option<O>,
    }
}

impl<C: Future<Output = ()>, O> BackoffSleep<C, O> {
    /// The answer if the caller cancelled; `None` at the end of the wait.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<O>> {
        let this = self.project();
        if this.cancelled.poll(cx).is_ready() {
            return Poll::Ready(this.failed.take());
        }
        this.sleep.poll(cx).map(|()| None)
    }
}

/// The step that follows an attempt or a wait.
pub(crate) enum Step<F, O> {
    /// The next attempt runs.
    Attempt(F),
    /// Making the service ready for the next attempt failed.
    Failed(O),
    TimedOut,
    /// The caller cancelled the request.
    Cancelled(O),
}

impl<S, Req> RetryState<S, Req>
where
    S: Service<Req, Response = Req::Response>,
    Req: ReplayRequest,
{
    pub(crate) fn new(shared: Arc<Shared>, inner: S, request: Req, of: u32) -> Self {
        Self {
            shared,
            inner,
            request,
            number: 1,
            of,
            earlier: Trail::new(),
            backoff: None,
        }
    }

    /// Waits for the backoff, makes the service ready, and starts the next attempt.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        limit: &mut TimeLimit,
    ) -> Poll<Step<S::Future, Output<S, Req>>> {
        if let Some(backoff) = &mut self.backoff {
            let failed = ready!(backoff.as_mut().poll(cx));
            self.backoff = None;
            if let Some(failed) = failed {
                let output = self.finish(failed, Some(GiveUpReason::Cancelled));
                return Poll::Ready(Step::Cancelled(output));
            }
            if limit.is_set() {
                limit.start_attempt(self.shared.settings.clock.now());
            }
        }
        match self.inner.poll_ready(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Step::Failed(Err(error))),
            Poll::Pending if limit.is_over(cx) => return Poll::Ready(Step::TimedOut),
            Poll::Pending => return Poll::Pending,
        }
        let Some(mut request) = self.request.try_clone() else {
            unreachable!("a request that was copied once can be copied again");
        };
        self.number += 1;
        request.context_mut().set_attempt(self.number);
        self.shared.state.retries.fetch_add(1, Relaxed);
        Poll::Ready(Step::Attempt(self.inner.call(request)))
    }

    /// Decides about the next attempt. Returns the final answer, or `None` if another attempt
    /// follows. `None` as outcome stands for an attempt that reached its time limit.
    pub(crate) fn after(
        &mut self,
        outcome: Option<Output<S, Req>>,
        limit: &TimeLimit,
    ) -> Option<Output<S, Req>> {
        let ended = match &outcome {
            Some(Ok(response)) => Ended::Answered(response),
            Some(Err(_)) => Ended::Failed,
            None => Ended::TimedOut,
        };
        let context = self.request.context();
        let progress = context.progress();
        let attempt = Attempt {
            method: self.request.method(),
            number: self.number,
            of: self.of,
            deadline: context.deadline(),
            has_progress: progress.is_some_and(|progress| progress.last().is_some()),
        };
        let next = self.shared.settings.next_attempt(attempt, &ended);
        let output = outcome.unwrap_or_else(|| Ok(limit.timed_out(self.request.reply_to())));
        match next {
            Next::Final => Some(self.finish(output, None)),
            Next::GiveUp(reason) => Some(self.finish(output, Some(reason))),
            Next::RetryAfter(wait) => {
                self.wait(wait, output);
                None
            }
        }
    }

    fn wait(&mut self, wait: Duration, mut failed: Output<S, Req>) {
        let event = self.event(&failed);
        let mut trail = match &mut failed {
            Ok(response) => std::mem::take(response.trail_mut()),
            Err(_) => Trail::new(),
        };
        trail.push(event);
        trail.prepend(std::mem::take(&mut self.earlier));
        self.earlier = trail;
        self.backoff = Some(Box::pin(BackoffSleep {
            sleep: sleep(wait),
            cancelled: self.request.cancelled(),
            failed: Some(failed),
        }));
    }

    /// Adds the attempts to the trail of the final answer.
    fn finish(&mut self, output: Output<S, Req>, reason: Option<GiveUpReason>) -> Output<S, Req> {
        if let Some(reason) = reason {
            self.shared.state.count_give_up(reason);
        }
        let attempt = self.event(&output);
        let mut response = output?;
        let trail = response.trail_mut();
        // A wait that ended early followed an attempt that is in the trail already. A first attempt
        // without retries leaves no event.
        if self.number > 1 && reason != Some(GiveUpReason::Cancelled) {
            trail.push(attempt);
        }
        if let Some(reason) = reason {
            trail.push(Event::GaveUp { reason });
        }
        trail.prepend(std::mem::take(&mut self.earlier));
        Ok(response)
    }

    fn event(&self, output: &Output<S, Req>) -> Event {
        let response = output.as_ref().ok();
        Event::Attempt {
            number: self.number,
            of: self.of,
            code: response.and_then(|response| response.outcome().code()),
        }
    }
}
