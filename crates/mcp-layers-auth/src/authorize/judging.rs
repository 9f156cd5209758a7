//! A request that waits for its policy.

use std::task::{Context, Poll, ready};

use mcp_layers_core::McpRequest;
use tower_service::Service;

use super::{Judge, Refusal, after::After};
use crate::Policy;

/// A request, and the service that was made ready for it.
pub(crate) struct Judging<S, Req: McpRequest, P: Policy> {
    pub(super) judge: Judge<P::Future>,
    pub(super) inner: S,
    pub(super) as_tool_error: bool,
    /// `None` once it is decided.
    pub(super) waiting: Option<(Req, After<P, Req::ReplyTo>)>,
}

/// What became of it.
pub(crate) enum Judged<F, Req: McpRequest, P> {
    Refused(Req::Response),
    Admitted(F, After<P, Req::ReplyTo>),
}

impl<S, Req, P> Judging<S, Req, P>
where
    S: Service<Req>,
    Req: McpRequest,
    P: Policy,
{
    /// Polled again after it was ready, it stays pending.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Judged<S::Future, Req, P>> {
        if self.waiting.is_none() {
            return Poll::Pending;
        }
        ready!(self.judge.poll(cx));
        let Some((request, after)) = self.waiting.take() else {
            return Poll::Pending;
        };
        let (decision, failures) = self.judge.take();
        Poll::Ready(match Refusal::of(decision, failures) {
            Some(refusal) => Judged::Refused(refusal.response(&request, self.as_tool_error)),
            None => Judged::Admitted(self.inner.call(request), after),
        })
    }
}
