//! The future of [`CircuitBreaker`](crate::CircuitBreaker).

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use mcp_layers_core::{Classify, McpResponse, Observe, ReplyFuture};
use pin_project_lite::pin_project;

use crate::call::{Call, Watch};

pin_project! {
    /// The future of [`CircuitBreaker`](crate::CircuitBreaker). Dropped before it is ready, it frees
    /// its probe and records nothing.
    pub struct ResponseFuture<I, R, K, F>
    where
        R: McpResponse,
        K: Classify,
    {
        #[pin]
        future: ReplyFuture<Observe<I, R, Watch<K, F>>, R>,
    }
}

impl<I, R: McpResponse, K: Classify, F> ResponseFuture<I, R, K, F> {
    pub(crate) fn refused(response: R) -> Self {
        Self {
            future: ReplyFuture::ready(response),
        }
    }

    pub(crate) fn call(call: Option<Call<K, F>>, make: impl FnOnce() -> I) -> Self {
        Self {
            future: ReplyFuture::inner(Observe::call(Watch(call), make)),
        }
    }
}

impl<I, R, K, F, E> Future for ResponseFuture<I, R, K, F>
where
    I: Future<Output = Result<R, E>>,
    R: McpResponse,
    K: Classify,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx)
    }
}

impl<I, R: McpResponse, K: Classify, F> fmt::Debug for ResponseFuture<I, R, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
