//! Layers that do nothing, and cost what a layer costs before it does anything.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::McpRequest;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// A layer as this workspace writes them: one `Arc` of state, and a future with a name.
#[derive(Debug, Clone, Default)]
pub(crate) struct NoOp {
    state: Arc<()>,
}

/// The same with a box around its future.
#[derive(Debug, Clone, Default)]
pub(crate) struct Boxed {
    state: Arc<()>,
}

/// Seven layers, each with its own state.
pub(crate) fn seven<L: Default>() -> (L, L, L, L, L, L, L) {
    Default::default()
}

impl<S> Layer<S> for NoOp {
    type Service = NoOpService<S>;

    fn layer(&self, inner: S) -> NoOpService<S> {
        NoOpService {
            inner,
            state: Arc::clone(&self.state),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct NoOpService<S> {
    inner: S,
    state: Arc<()>,
}

impl<S, Req> Service<Req> for NoOpService<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = NoOpFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        NoOpFuture {
            inner: self.inner.call(request),
        }
    }
}

pin_project! {
    pub(crate) struct NoOpFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F: Future> Future for NoOpFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().inner.poll(cx)
    }
}

impl<S> Layer<S> for Boxed {
    type Service = BoxedService<S>;

    fn layer(&self, inner: S) -> BoxedService<S> {
        BoxedService {
            inner,
            state: Arc::clone(&self.state),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct BoxedService<S> {
    inner: S,
    state: Arc<()>,
}

impl<S, Req> Service<Req> for BoxedService<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
    S::Future: Send + 'static,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Req::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        Box::pin(self.inner.call(request))
    }
}
