//! The future of [`Retry`](crate::Retry).

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
};

use mcp_layers_core::{Event, McpRequest, McpResponse, ReplayRequest, trail::GiveUpReason};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{
    retry_state::{Output, RetryState, Step},
    safety::may_have_run,
    state::State,
    time_limit::TimeLimit,
    unknown_outcome,
};

pin_project! {
    /// The future of [`Retry`](crate::Retry). The attempt that runs is part of it; a box is made for
    /// each wait, and for a time limit.
    pub struct ResponseFuture<S, Req>
    where
        S: Service<Req>,
        Req: McpRequest,
    {
        #[pin]
        attempt: Option<S::Future>,
        plan: Plan<S, Req>,
        limit: TimeLimit,
    }
}

/// The step that follows the end of an attempt.
pub(crate) enum Plan<S: Service<Req>, Req: McpRequest> {
    /// Its outcome is the answer.
    Pass,
    /// Its outcome is the answer. A call that is not safe to repeat may have taken effect.
    Once {
        state: Arc<State>,
        reply_to: Req::ReplyTo,
        is_call: bool,
    },
    /// Another attempt may follow.
    Repeat(RetryState<S, Req>),
    Done,
}

impl<S: Service<Req>, Req: McpRequest> ResponseFuture<S, Req> {
    pub(crate) fn new(attempt: S::Future, plan: Plan<S, Req>, limit: TimeLimit) -> Self {
        Self {
            attempt: Some(attempt),
            plan,
            limit,
        }
    }
}

impl<S, Req> Future for ResponseFuture<S, Req>
where
    S: Service<Req, Response = Req::Response>,
    Req: ReplayRequest,
{
    type Output = Output<S, Req>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let outcome = match (this.attempt.as_mut().as_pin_mut(), &mut *this.plan) {
                (Some(attempt), _) => match attempt.poll(cx) {
                    Poll::Ready(output) => Some(output),
                    Poll::Pending if this.limit.is_over(cx) => None,
                    Poll::Pending => return Poll::Pending,
                },
                (None, Plan::Repeat(state)) => match ready!(state.poll_next(cx, this.limit)) {
                    Step::Attempt(attempt) => {
                        this.attempt.set(Some(attempt));
                        continue;
                    }
                    Step::Failed(output) => Some(output),
                    Step::TimedOut => None,
                    Step::Cancelled(output) => {
                        *this.plan = Plan::Done;
                        return Poll::Ready(output);
                    }
                },
                (None, _) => panic!("polled after completion"),
            };
            // An attempt that reached its time limit ends here.
            this.attempt.set(None);
            let plan = std::mem::replace(this.plan, Plan::Done);
            let output = match plan {
                Plan::Repeat(mut state) => match state.after(outcome, this.limit) {
                    Some(output) => output,
                    None => {
                        *this.plan = Plan::Repeat(state);
                        continue;
                    }
                },
                Plan::Once {
                    state,
                    reply_to,
                    is_call,
                } => {
                    let limit = &*this.limit;
                    let output = outcome.unwrap_or_else(|| Ok(limit.timed_out(reply_to.clone())));
                    if is_call {
                        mark_unknown(&state, reply_to, output)
                    } else {
                        output
                    }
                }
                Plan::Pass | Plan::Done => {
                    outcome.expect("a request that passes has no time limit")
                }
            };
            return Poll::Ready(output);
        }
    }
}

/// Marks the error of a call that may have taken effect.
fn mark_unknown<R: McpResponse, E>(
    state: &State,
    to: R::ReplyTo,
    output: Result<R, E>,
) -> Result<R, E> {
    let (mut response, is_unknown) = match output {
        Ok(response) if !may_have_run(&response.outcome()) => return Ok(response),
        Ok(response) => unknown_outcome::mark(response, to),
        Err(_) => (unknown_outcome::failed(to), true),
    };
    state.unknown_outcomes.fetch_add(1, Relaxed);
    let reason = GiveUpReason::Unsafe;
    let trail = response.trail_mut();
    trail.push(Event::GaveUp { reason });
    if is_unknown {
        trail.push(Event::OutcomeUnknown);
    }
    Ok(response)
}

impl<S: Service<Req>, Req: McpRequest> fmt::Debug for ResponseFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
