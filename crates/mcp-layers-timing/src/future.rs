//! The future of [`Timing`](crate::Timing).

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use mcp_layers_core::{McpResponse, Observe};
use pin_project_lite::pin_project;

use crate::{recorder::Recorder, state::Measurement};

pin_project! {
    /// The future of [`Timing`](crate::Timing). Dropped before it is ready, it records a cancelled
    /// request.
    pub struct ResponseFuture<F, Res, R>
    where
        Res: McpResponse,
        R: Recorder,
    {
        #[pin]
        future: Observe<F, Res, Measurement<R>>,
    }
}

impl<F, Res: McpResponse, R: Recorder> ResponseFuture<F, Res, R> {
    pub(crate) fn new(measurement: Measurement<R>, call: impl FnOnce() -> F) -> Self {
        Self {
            future: Observe::call(measurement, call),
        }
    }
}

impl<F, Res, E, R> Future for ResponseFuture<F, Res, R>
where
    F: Future<Output = Result<Res, E>>,
    Res: McpResponse,
    R: Recorder,
{
    type Output = Result<Res, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx)
    }
}

impl<F, Res: McpResponse, R: Recorder> fmt::Debug for ResponseFuture<F, Res, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
