//! A panic answers one request and ends nothing else.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use mcp_layers_core::{Event, McpError, McpRequest, McpResponse};

/// Answers with -32603 when an inner service panics, in its `call` or while it runs.
///
/// Without it, rmcp's task dies with the panic and the caller waits for ever. The text sent is
/// constant; what the panic said stays in the response's trail ([`Event::Panicked`]). A panic in
/// `poll_ready` is not caught: there is no request to answer.
///
/// A panic while the inner future is dropped ends there too. If the future had its answer already,
/// that answer stands, with the event in its trail; if it was cancelled, there is no caller left.
///
/// ```
/// use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpResponse};
/// use mcp_layers_util::CatchPanicLayer;
/// use std::convert::Infallible;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let service = ServiceBuilder::new().layer(CatchPanicLayer::new()).service_fn(
///     |request: JsonRpcRequest| async move {
///         assert!(request.params().get("name").is_some(), "password=hunter2");
///         Ok::<_, Infallible>(JsonRpcResponse::success(&request, serde_json::json!({})))
///     },
/// );
///
/// let response = service.oneshot(JsonRpcRequest::new(1, "tools/call")).await.unwrap();
/// assert_eq!(response.outcome().code(), Some(-32603));
/// assert!(!serde_json::to_string(&response).unwrap().contains("hunter2"));
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct CatchPanicLayer;

impl CatchPanicLayer {
    /// The layer; it has no settings.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for CatchPanicLayer {
    type Service = CatchPanic<S>;

    fn layer(&self, inner: S) -> CatchPanic<S> {
        CatchPanic { inner }
    }
}

/// The service of [`CatchPanicLayer`].
#[derive(Debug, Clone)]
pub struct CatchPanic<S> {
    inner: S,
}

impl<S> CatchPanic<S> {
    /// Wraps `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner }
    }

    mcp_layers_core::accessors!();
}

impl<S, Req> Service<Req> for CatchPanic<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = CatchPanicFuture<S::Future, Req::ReplyTo>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let reply_to = Some(request.reply_to());
        match catch_unwind(AssertUnwindSafe(|| self.inner.call(request))) {
            Ok(future) => CatchPanicFuture {
                future: Some(future),
                panicked: None,
                reply_to,
            },
            Err(payload) => CatchPanicFuture {
                future: None,
                panicked: Some(message(payload)),
                reply_to,
            },
        }
    }
}

pin_project! {
    /// The future of [`CatchPanic`].
    pub struct CatchPanicFuture<F, T> {
        #[pin]
        future: Option<F>,
        panicked: Option<Box<str>>,
        reply_to: Option<T>,
    }

    impl<F, T> PinnedDrop for CatchPanicFuture<F, T> {
        fn drop(this: Pin<&mut Self>) {
            let mut future = this.project().future;
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| future.set(None))) {
                message(payload);
            }
        }
    }
}

impl<F, R, E> Future for CatchPanicFuture<F, R::ReplyTo>
where
    F: Future<Output = Result<R, E>>,
    R: McpResponse,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(future) = this.future.as_mut().as_pin_mut() {
            let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
            let polled = match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(output)) => Ok(output),
                Err(payload) => Err(message(payload)),
            };
            // What the future holds is let go of now, where a panic can still be caught.
            let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None))).map_err(message);
            match polled {
                Ok(mut output) => {
                    if let (Ok(response), Err(message)) = (&mut output, dropped) {
                        response.trail_mut().push(Event::Panicked { message });
                    }
                    return Poll::Ready(output);
                }
                Err(message) => *this.panicked = Some(message),
            }
        }
        let message = this.panicked.take().expect("polled after completion");
        let reply_to = this.reply_to.take().expect("taken with the message");
        let mut response = R::from_error(reply_to, McpError::internal());
        response.trail_mut().push(Event::Panicked { message });
        Poll::Ready(Ok(response))
    }
}

fn message(payload: Box<dyn Any + Send>) -> Box<str> {
    let payload = match payload.downcast::<String>() {
        Ok(text) => return text.into_boxed_str(),
        Err(payload) => payload,
    };
    if let Some(text) = payload.downcast_ref::<&str>() {
        return (*text).into();
    }
    // A payload of any other type can panic as it is dropped; what that gives is not dropped.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    "no message".into()
}

mcp_layers_core::opaque_debug!(CatchPanicFuture<F, T>);
