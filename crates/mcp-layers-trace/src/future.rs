//! The future of [`Trace`](crate::Trace).

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use mcp_layers_core::{McpResponse, observe::Observe};
use pin_project_lite::pin_project;

use crate::{
    backend::{Backend, OpenTelemetry, sealed::Span},
    call_span::CallSpan,
};

pin_project! {
    /// The future of [`Trace`](crate::Trace). Dropped before it is ready, it ends its span as cancelled.
    pub struct ResponseFuture<F, Res, B = OpenTelemetry>
    where
        Res: McpResponse,
        B: Backend,
    {
        // `None` in the destructor alone.
        #[pin]
        future: Option<Observe<F, Res, CallSpan<B>>>,
    }

    impl<F, Res, B> PinnedDrop for ResponseFuture<F, Res, B>
    where
        Res: McpResponse,
        B: Backend,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut future = this.project().future;
            let span = future.as_ref().get_ref().as_ref().map(|future| future.observer().span());
            if let Some(span) = span {
                // What the inner future does when it is dropped belongs to the span.
                span.in_scope(|| future.set(None));
            }
        }
    }
}

impl<F, Res: McpResponse, B: Backend> ResponseFuture<F, Res, B> {
    pub(crate) fn new(call_span: CallSpan<B>, call: impl FnOnce() -> F) -> Self {
        let span = call_span.span();
        let future = span.in_scope(|| Observe::call(call_span, call));
        Self {
            future: Some(future),
        }
    }
}

impl<F, Res, E, B> Future for ResponseFuture<F, Res, B>
where
    F: Future<Output = Result<Res, E>>,
    Res: McpResponse,
    B: Backend,
{
    type Output = Result<Res, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future.as_pin_mut();
        let mut future = future.expect("only the destructor takes the future");
        let span = future.observer().span();
        let poll = span.in_scope(|| future.as_mut().poll(cx));
        if poll.is_pending() {
            future.observer_mut().end_if_acknowledged();
        }
        poll
    }
}

impl<F, Res: McpResponse, B: Backend> fmt::Debug for ResponseFuture<F, Res, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
