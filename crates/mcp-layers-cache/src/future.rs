//! The response future.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use mcp_layers_core::{McpResponse, ReplyFuture, trail::CacheEvent};
use pin_project_lite::pin_project;

use crate::report::report;

pin_project! {
    /// The response future of [`Cache`](crate::Cache).
    ///
    /// Requests that wait for this one lose nothing when it is dropped: one of them takes over.
    pub struct ResponseFuture<F, Res, E> {
        #[pin]
        stage: Stage<F, Res, E>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F, Res, E> {
        // Answered from memory, or passed on. The event is reported.
        Reply { #[pin] reply: ReplyFuture<F, Res>, event: Option<(CacheEvent, bool)> },
        Miss { answer: MissFuture<Res, E> },
    }
}

/// Boxed: it holds the request.
type MissFuture<Res, E> = Pin<Box<dyn Future<Output = Result<Res, E>> + Send>>;

impl<F, Res, E> ResponseFuture<F, Res, E> {
    pub(crate) fn answer(response: Res) -> Self {
        Self::reply(ReplyFuture::ready(response), None)
    }

    /// Passes the request on. `event` is reported, also in `_meta` if the flag is set.
    pub(crate) fn bypass(future: F, event: Option<(CacheEvent, bool)>) -> Self {
        Self::reply(ReplyFuture::inner(future), event)
    }

    fn reply(reply: ReplyFuture<F, Res>, event: Option<(CacheEvent, bool)>) -> Self {
        let stage = Stage::Reply { reply, event };
        Self { stage }
    }

    pub(crate) fn miss(answer: MissFuture<Res, E>) -> Self {
        let stage = Stage::Miss { answer };
        Self { stage }
    }
}

impl<F, Res, E> Future for ResponseFuture<F, Res, E>
where
    F: Future<Output = Result<Res, E>>,
    Res: McpResponse,
{
    type Output = Result<Res, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().stage.project() {
            StageProjection::Reply { reply, event } => {
                let mut response = ready!(reply.poll(cx))?;
                if let Some((event, in_meta)) = event.take() {
                    report(&mut response, event, in_meta);
                }
                Poll::Ready(Ok(response))
            }
            StageProjection::Miss { answer } => answer.as_mut().poll(cx),
        }
    }
}

mcp_layers_core::opaque_debug!(ResponseFuture<F, Res, E>);
