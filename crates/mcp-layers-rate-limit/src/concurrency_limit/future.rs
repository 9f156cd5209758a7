//! The response future.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use mcp_layers_core::ReplyFuture;
use pin_project_lite::pin_project;

use super::permits::Permit;

pin_project! {
    /// The response future of [`ConcurrencyLimit`](crate::ConcurrencyLimit). Its place is given
    /// back when it completes or is dropped.
    #[derive(Debug)]
    pub struct ConcurrencyLimitFuture<F, R> {
        #[pin]
        reply: ReplyFuture<F, R>,
        permit: Option<Permit>,
    }
}

impl<F, R> ConcurrencyLimitFuture<F, R> {
    pub(super) fn new(reply: ReplyFuture<F, R>, permit: Option<Permit>) -> Self {
        Self { reply, permit }
    }
}

impl<F, R, E> Future for ConcurrencyLimitFuture<F, R>
where
    F: Future<Output = Result<R, E>>,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let poll = this.reply.poll(cx);
        if poll.is_ready() {
            *this.permit = None;
        }
        poll
    }
}
