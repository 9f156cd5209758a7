//! A layer of HTTP services that carries the current span to the MCP stack.

use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::ambient::{AmbientContext, has_span};

/// Puts the current context into the extensions of each HTTP request, where [`TraceLayer`] finds it.
/// Requires the feature `http`.
///
/// An MCP implementation may handle a request in another task than the HTTP request that brought it, as rmcp
/// does in legacy sessions. The current context does not follow, but the extensions do. Place this layer
/// directly around the MCP service, inside the layer that makes spans of HTTP requests. With the feature
/// `tracing`, the context of the current `tracing` span counts first.
///
/// [`TraceLayer`]: crate::TraceLayer
///
/// ```
/// use http::{Request, Response};
/// use mcp_layers_trace::{AmbientContext, AmbientSpanLayer};
/// use opentelemetry::{Context, trace::{FutureExt, TraceContextExt, Tracer, TracerProvider}};
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use std::convert::Infallible;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let service = ServiceBuilder::new().layer(AmbientSpanLayer::new()).service_fn(
///     |request: Request<String>| async move {
///         let carried = request.extensions().get::<AmbientContext>().is_some();
///         Ok::<_, Infallible>(Response::new(carried))
///     },
/// );
///
/// let span = SdkTracerProvider::builder().build().tracer("http").start("POST /mcp");
/// let context = Context::current_with_span(span);
/// let call = service.oneshot(Request::new(String::new())).with_context(context);
/// assert!(call.await.unwrap().into_body());
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct AmbientSpanLayer;

impl AmbientSpanLayer {
    /// Carries the current span of each request.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for AmbientSpanLayer {
    type Service = AmbientSpan<S>;

    fn layer(&self, inner: S) -> AmbientSpan<S> {
        AmbientSpan::new(inner)
    }
}

/// The service of [`AmbientSpanLayer`].
#[derive(Debug, Clone)]
pub struct AmbientSpan<S> {
    inner: S,
}

impl<S> AmbientSpan<S> {
    /// Wraps a service.
    pub fn new(inner: S) -> Self {
        Self { inner }
    }

    mcp_layers_core::accessors!();
}

impl<S, B> Service<Request<B>> for AmbientSpan<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let ambient = AmbientContext::current();
        if has_span(ambient.context()) {
            request.extensions_mut().insert(ambient);
        }
        self.inner.call(request)
    }
}
