//! The future of [`Timing`](crate::Timing).

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use mcp_layers_core::{McpResponse, observe::Observe};
use pin_project_lite::pin_project;

use crate::state::Measurement;

pin_project! {
    /// The future of [`Timing`](crate::Timing). Dropped before it is ready, it records a cancelled
    /// request.
    pub struct ResponseFuture<F, Res>
    where
        Res: McpResponse,
    {
        #[pin]
        future: Observe<F, Res, Measurement>,
    }
}

impl<F, Res: McpResponse> ResponseFuture<F, Res> {
    pub(crate) fn new(measurement: Measurement, call: impl FnOnce() -> F) -> Self {
        Self {
            future: Observe::call(measurement, call),
        }
    }
}

impl<F, Res, E> Future for ResponseFuture<F, Res>
where
    F: Future<Output = Result<Res, E>>,
    Res: McpResponse,
{
    type Output = Result<Res, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx)
    }
}

impl<F, Res: McpResponse> fmt::Debug for ResponseFuture<F, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
