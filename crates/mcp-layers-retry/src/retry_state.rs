//! The state of a request that may be repeated, from attempt to attempt.

use std::{future::poll_fn, ops::ControlFlow, pin::pin, sync::Arc, task::Poll, time::Duration};

use mcp_layers_core::{
    Event, McpRequest, McpResponse, Trail, request::ReplayRequest, trail::GiveUpReason,
};
use tokio::time::sleep;
use tower_service::Service;

use crate::{state::Shared, time_limit::TimeLimit};

pub(crate) type Output<S, Req> = Result<<Req as McpRequest>::Response, <S as Service<Req>>::Error>;

/// A request that may be repeated.
pub(crate) struct RetryState<S, Req> {
    pub(crate) shared: Arc<Shared>,
    /// The instance for further attempts. It is made ready before each.
    inner: S,
    pub(crate) request: Req,
    /// The number of the attempt: 1 for the first.
    pub(crate) number: u32,
    /// The most attempts.
    pub(crate) of: u32,
    /// The trails of earlier attempts.
    earlier: Trail,
}

/// The decision after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The answer stands: a result, or an error that is final.
    Final,
    GiveUp(GiveUpReason),
    /// Another attempt follows after this time. It is paid for.
    RetryAfter(Duration),
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
        }
    }

    /// Makes further attempts, the first after `wait`, until the outcome is final.
    pub(crate) async fn repeat(
        mut self,
        mut wait: Duration,
        mut failed: Output<S, Req>,
        mut limit: TimeLimit,
    ) -> Output<S, Req> {
        loop {
            if self.is_cancelled_within(wait).await {
                return self.finish(failed, Some(GiveUpReason::Cancelled));
            }
            if limit.is_set() {
                limit.start_attempt(self.shared.settings.clock.now());
            }
            let outcome = limit.within(self.attempt()).await;
            match self.after(outcome, &limit) {
                ControlFlow::Break(output) => return output,
                ControlFlow::Continue(next) => (wait, failed) = next,
            }
        }
    }

    /// Waits. Returns true, and early, if the caller cancels the request.
    async fn is_cancelled_within(&mut self, wait: Duration) -> bool {
        let mut cancelled = pin!(self.request.cancelled());
        let mut sleep = pin!(sleep(wait));
        poll_fn(|cx| match cancelled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => sleep.as_mut().poll(cx).map(|()| false),
        })
        .await
    }

    async fn attempt(&mut self) -> Output<S, Req> {
        poll_fn(|cx| self.inner.poll_ready(cx)).await?;
        let Some(mut request) = self.request.try_clone() else {
            unreachable!("a request that was copied once can be copied again");
        };
        self.number += 1;
        request.context_mut().set_attempt(self.number);
        self.shared.state.stats().retries += 1;
        self.inner.call(request).await
    }

    /// Decides about the next attempt. Breaks with the final answer, or continues with the wait and
    /// the answer if the caller cancels meanwhile. `None` as outcome stands for an attempt that
    /// reached its time limit.
    pub(crate) fn after(
        &mut self,
        outcome: Option<Output<S, Req>>,
        limit: &TimeLimit,
    ) -> ControlFlow<Output<S, Req>, (Duration, Output<S, Req>)> {
        let next = self.next_attempt(outcome.as_ref());
        let output = outcome.unwrap_or_else(|| Ok(limit.timed_out(self.request.reply_to())));
        match next {
            Next::Final => ControlFlow::Break(self.finish(output, None)),
            Next::GiveUp(reason) => ControlFlow::Break(self.finish(output, Some(reason))),
            Next::RetryAfter(wait) => ControlFlow::Continue((wait, self.note(output))),
        }
    }

    /// Moves the trail of a failed attempt to those of earlier ones.
    fn note(&mut self, mut failed: Output<S, Req>) -> Output<S, Req> {
        let event = self.event(&failed);
        let mut trail = match &mut failed {
            Ok(response) => std::mem::take(response.trail_mut()),
            Err(_) => Trail::new(),
        };
        trail.push(event);
        trail.prepend(std::mem::take(&mut self.earlier));
        self.earlier = trail;
        failed
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
