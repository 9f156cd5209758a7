//! The future of [`Timeout`](crate::Timeout).

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use mcp_layers_core::{McpResponse, RefusalAddress};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};

use crate::{
    handle::TimeoutHandle,
    timer::{Reached, Timer},
};

pin_project! {
    /// The future of [`Timeout`](crate::Timeout). The timer is part of it, and starts when the inner
    /// future is pending for the first time.
    pub struct ResponseFuture<F, T> {
        #[pin]
        future: Option<F>,
        #[pin]
        sleep: Option<Sleep>,
        limited: Option<Limited<T>>,
    }
}

/// The parts that a request needs when it reaches its limit.
pub(crate) struct Limited<T> {
    pub(crate) timer: Timer,
    pub(crate) reply_to: RefusalAddress<T>,
    pub(crate) handle: TimeoutHandle,
}

impl<F, T> ResponseFuture<F, T> {
    pub(crate) fn new(future: F, limited: Option<Limited<T>>) -> Self {
        Self {
            future: Some(future),
            sleep: None,
            limited,
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R::ReplyTo>
where
    F: Future<Output = Result<R, E>>,
    R: McpResponse,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // An answer that comes at the last moment wins.
        let future = this.future.as_mut().as_pin_mut();
        if let Poll::Ready(output) = future.expect("polled after completion").poll(cx) {
            this.future.set(None);
            return Poll::Ready(output);
        }
        let Some(limited) = &this.limited else {
            return Poll::Pending;
        };
        limited.timer.wake_at_end_of_wait(cx.waker());
        let reached = loop {
            let Some((at, reached)) = limited.timer.next() else {
                return Poll::Pending;
            };
            let at = at.into();
            match this.sleep.as_mut().as_pin_mut() {
                None => this.sleep.set(Some(sleep_until(at))),
                Some(sleep) if sleep.deadline() != at => sleep.reset(at),
                Some(sleep) => {
                    ready!(sleep.poll(cx));
                    break reached;
                }
            }
        };
        // Dropping the inner future ends the handler's work, and cancels a request upstream.
        this.future.set(None);
        let limited = this.limited.take();
        let Limited {
            timer,
            reply_to,
            handle,
        } = limited.expect("it was there above");
        let mut stats = handle.lock();
        match reached {
            Reached::Maximum => stats.maximum += 1,
            Reached::Idle => stats.idle += 1,
            Reached::InputWait => stats.input_wait += 1,
            Reached::Deadline => stats.deadline += 1,
        }
        drop(stats);
        Poll::Ready(Ok(timer.answer(reply_to, reached)))
    }
}

mcp_layers_core::opaque_debug!(ResponseFuture<F, T>);
