//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{McpRequest, observe::Observe};
use tower_service::Service;

use crate::state::{Measurement, State};

/// Records the duration of each request to the inner service. Made by
/// [`TimingLayer`](crate::TimingLayer).
#[derive(Debug, Clone)]
pub struct Timing<S> {
    inner: S,
    state: Arc<State>,
}

impl<S> Timing<S> {
    pub(crate) fn with_state(inner: S, state: Arc<State>) -> Self {
        Self { inner, state }
    }

    mcp_layers_core::accessors!();
}

/// The future of [`Timing`]. Dropped before it is ready, it records a cancelled request.
pub type ResponseFuture<F, Res> = Observe<F, Res, Measurement>;

impl<S, Req> Service<Req> for Timing<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Req::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let measurement = Measurement::start(&self.state, &request);
        Observe::call(measurement, || self.inner.call(request))
    }
}
