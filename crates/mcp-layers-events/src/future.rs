//! The future of [`Events`](crate::Events).

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use mcp_layers_core::{McpResponse, observe::Observe};
use pin_project_lite::pin_project;

use crate::state::Report;

pin_project! {
    /// The future of [`Events`](crate::Events).
    pub struct ResponseFuture<F, Res>
    where
        Res: McpResponse,
    {
        #[pin]
        future: Observe<F, Res, Report>,
    }
}

impl<F, Res: McpResponse> ResponseFuture<F, Res> {
    pub(crate) fn new(report: Report, call: impl FnOnce() -> F) -> Self {
        Self {
            future: Observe::call(report, call),
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
