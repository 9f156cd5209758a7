//! The future of [`CircuitBreaker`](crate::CircuitBreaker).

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use mcp_layers_core::{McpResponse, ReplyFuture, observe::Observe};
use pin_project_lite::pin_project;

use crate::call::{Call, Watch};

pin_project! {
    /// The future of [`CircuitBreaker`](crate::CircuitBreaker). Dropped before it is ready, it frees
    /// its probe and records nothing.
    pub struct ResponseFuture<I, R, F>
    where
        R: McpResponse,
    {
        #[pin]
        future: ReplyFuture<Observe<I, R, Watch<F>>, R>,
    }
}

impl<I, R: McpResponse, F> ResponseFuture<I, R, F> {
    pub(crate) fn refused(response: R) -> Self {
        Self {
            future: ReplyFuture::ready(response),
        }
    }

    pub(crate) fn call(call: Option<Call<F>>, make: impl FnOnce() -> I) -> Self {
        Self {
            future: ReplyFuture::inner(Observe::call(Watch(call), make)),
        }
    }
}

impl<I, R, F, E> Future for ResponseFuture<I, R, F>
where
    I: Future<Output = Result<R, E>>,
    R: McpResponse,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx)
    }
}

mcp_layers_core::opaque_debug!(ResponseFuture<I, R: McpResponse, F>);
