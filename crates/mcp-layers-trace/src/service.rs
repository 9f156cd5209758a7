//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::McpRequest;
use tower_service::Service;

use crate::{
    backend::{Backend, OpenTelemetry},
    call_span::CallSpan,
    future::ResponseFuture,
    state::State,
};

/// Makes a span for each request to the inner service. Made by [`TraceLayer`](crate::TraceLayer).
#[derive(Debug, Clone)]
pub struct Trace<S, B = OpenTelemetry> {
    inner: S,
    state: Arc<State<B>>,
}

impl<S, B> Trace<S, B> {
    pub(crate) fn with_state(inner: S, state: Arc<State<B>>) -> Self {
        Self { inner, state }
    }

    mcp_layers_core::accessors!();
}

impl<S, B, Req> Service<Req> for Trace<S, B>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
    B: Backend,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Req::Response, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let call_span = CallSpan::start(&self.state, &mut request);
        ResponseFuture::new(call_span, || self.inner.call(request))
    }
}
