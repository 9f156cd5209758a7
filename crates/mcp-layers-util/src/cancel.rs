//! Cancellation that ends the work.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use mcp_layers_core::{Event, McpError, McpRequest, McpResponse};

/// Drops the inner future when the caller cancels the request.
///
/// Some implementations only signal a cancellation: rmcp fires a token, drops the response and lets
/// the handler run on. With this layer, the handler's work ends too. The response, 499 with
/// [`Event::Cancelled`] in its trail, is for outer layers only: the protocol sends no response to a
/// cancelled request.
///
/// Work that must not stop in the middle belongs in a task of its own (`tokio::spawn`).
///
/// ```
/// use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpResponse};
/// use mcp_layers_util::CancelLayer;
/// use std::convert::Infallible;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let service = ServiceBuilder::new().layer(CancelLayer::new()).service_fn(
///     |_: JsonRpcRequest| std::future::pending::<Result<JsonRpcResponse, Infallible>>(),
/// );
///
/// let request = JsonRpcRequest::new(1, "tools/call");
/// request.cancellation().cancel();
/// let response = service.oneshot(request).await.unwrap();
/// assert_eq!(response.outcome().code(), Some(499));
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct CancelLayer;

impl CancelLayer {
    /// Creates the layer. It has no settings.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for CancelLayer {
    type Service = Cancel<S>;

    fn layer(&self, inner: S) -> Cancel<S> {
        Cancel { inner }
    }
}

/// The service of [`CancelLayer`].
#[derive(Debug, Clone)]
pub struct Cancel<S> {
    inner: S,
}

impl<S> Cancel<S> {
    mcp_layers_core::accessors!();
}

impl<S, Req> Service<Req> for Cancel<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = CancelFuture<S::Future, Req::Cancelled, Req::ReplyTo>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        CancelFuture {
            cancelled: request.cancelled(),
            reply_to: Some(request.reply_to()),
            future: Some(self.inner.call(request)),
        }
    }
}

pin_project! {
    /// The future of [`Cancel`].
    pub struct CancelFuture<F, C, T> {
        #[pin]
        future: Option<F>,
        #[pin]
        cancelled: C,
        reply_to: Option<T>,
    }
}

impl<F, C, R, E> Future for CancelFuture<F, C, R::ReplyTo>
where
    F: Future<Output = Result<R, E>>,
    C: Future<Output = ()>,
    R: McpResponse,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(future) = this.future.as_mut().as_pin_mut()
            && let Poll::Ready(output) = future.poll(cx)
        {
            return Poll::Ready(output);
        }
        ready!(this.cancelled.poll(cx));
        this.future.set(None);
        let reply_to = this.reply_to.take().expect("polled after completion");
        let mut response = R::from_error(reply_to, McpError::cancelled());
        response.trail_mut().push(Event::Cancelled);
        Poll::Ready(Ok(response))
    }
}

mcp_layers_core::opaque_debug!(CancelFuture<F, C, T>);
