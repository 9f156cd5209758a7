//! The future of the service.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::McpResponse;
use pin_project_lite::pin_project;

use crate::{request::Request, response, state::State};

pin_project! {
    /// The future of [`ErrorMask`](crate::ErrorMask).
    #[derive(Debug)]
    pub struct ResponseFuture<F, T> {
        #[pin]
        future: F,
        state: Arc<State>,
        request: Request,
        reply_to: Option<T>,
    }
}

impl<F, T> ResponseFuture<F, T> {
    pub(crate) fn new(future: F, state: Arc<State>, request: Request, reply_to: T) -> Self {
        Self {
            future,
            state,
            request,
            reply_to: Some(reply_to),
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R::ReplyTo>
where
    F: Future<Output = Result<R, E>>,
    R: McpResponse,
{
    type Output = Result<R, E>;

    /// # Panics
    /// When polled after completion.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(to) = this.reply_to.take() else {
            panic!("polled after completion");
        };
        match this.future.poll(cx) {
            Poll::Pending => {
                *this.reply_to = Some(to);
                Poll::Pending
            }
            Poll::Ready(response) => Poll::Ready(
                response.map(|response| response::mask(this.state, this.request, to, response)),
            ),
        }
    }
}
