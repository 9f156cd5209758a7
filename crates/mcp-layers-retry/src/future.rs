//! The future of [`Retry`](crate::Retry).

use std::{
    ops::ControlFlow,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use mcp_layers_core::{
    Event, McpRequest, McpResponse, request::ReplayRequest, trail::GiveUpReason,
};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{
    retry_state::{Output, RetryState},
    safety::may_have_run,
    state::State,
    time_limit::TimeLimit,
    unknown_outcome,
};

pin_project! {
    /// The future of [`Retry`](crate::Retry). The first attempt is part of it; a box is made for those
    /// that follow, and for a time limit.
    pub struct ResponseFuture<S, Req>
    where
        S: Service<Req>,
        Req: McpRequest,
    {
        #[pin]
        first: Option<S::Future>,
        plan: Plan<S, Req>,
        limit: TimeLimit,
        later: Option<Later<S, Req>>,
    }
}

/// The attempts after the first.
type Later<S, Req> = Pin<Box<dyn Future<Output = Output<S, Req>> + Send>>;

/// The step that follows the end of the first attempt.
pub(crate) enum Plan<S, Req: McpRequest> {
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
}

impl<S: Service<Req>, Req: McpRequest> ResponseFuture<S, Req> {
    pub(crate) fn new(first: S::Future, plan: Plan<S, Req>, limit: TimeLimit) -> Self {
        Self {
            first: Some(first),
            plan,
            limit,
            later: None,
        }
    }
}

impl<S, Req> Future for ResponseFuture<S, Req>
where
    S: Service<Req, Response = Req::Response> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    Req: ReplayRequest + Send + 'static,
    Req::Response: Send,
{
    type Output = Output<S, Req>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.as_mut().project();
        if let Some(later) = this.later {
            let output = ready!(later.as_mut().poll(cx));
            *this.later = None;
            return Poll::Ready(output);
        }
        let first = this.first.as_mut().as_pin_mut();
        let outcome = match first.expect("polled after completion").poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending if this.limit.is_over(cx) => None,
            Poll::Pending => return Poll::Pending,
        };
        // An attempt that reached its time limit ends here.
        this.first.set(None);
        match std::mem::replace(this.plan, Plan::Pass) {
            Plan::Pass => Poll::Ready(outcome.expect("a request that passes has no time limit")),
            Plan::Once {
                state,
                reply_to,
                is_call,
            } => {
                let limit = &*this.limit;
                let output = outcome.unwrap_or_else(|| Ok(limit.timed_out(reply_to.clone())));
                Poll::Ready(if is_call {
                    mark_unknown(&state, reply_to, output)
                } else {
                    output
                })
            }
            Plan::Repeat(mut state) => match state.after(outcome, this.limit) {
                ControlFlow::Break(output) => Poll::Ready(output),
                ControlFlow::Continue((wait, failed)) => {
                    let limit = std::mem::take(this.limit);
                    *this.later = Some(Box::pin(state.repeat(wait, failed, limit)));
                    self.poll(cx)
                }
            },
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
    state.stats().unknown_outcomes += 1;
    let reason = GiveUpReason::Unsafe;
    let trail = response.trail_mut();
    trail.push(Event::GaveUp { reason });
    if is_unknown {
        trail.push(Event::OutcomeUnknown);
    }
    Ok(response)
}

mcp_layers_core::opaque_debug!(ResponseFuture<S: Service<Req>, Req: McpRequest>);
