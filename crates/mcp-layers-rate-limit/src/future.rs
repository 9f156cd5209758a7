//! The response future.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

pin_project! {
    /// The response future of [`RateLimit`](crate::RateLimit).
    pub struct ResponseFuture<F, R, E> {
        #[pin]
        state: State<F, R, E>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R, E> {
        Inner { #[pin] future: F },
        Held { future: HeldFuture<R, E> },
    }
}

/// A call that is refused, or waits: boxed, because it is large and rare.
type HeldFuture<R, E> = Pin<Box<dyn Future<Output = Result<R, E>> + Send>>;

impl<F, R, E> ResponseFuture<F, R, E> {
    pub(crate) fn inner(future: F) -> Self {
        let state = State::Inner { future };
        Self { state }
    }

    pub(crate) fn held(future: HeldFuture<R, E>) -> Self {
        let state = State::Held { future };
        Self { state }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R, E>
where
    F: Future<Output = Result<R, E>>,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Inner { future } => future.poll(cx),
            StateProjection::Held { future } => future.as_mut().poll(cx),
        }
    }
}

mcp_layers_core::opaque_debug!(ResponseFuture<F, R, E>);
