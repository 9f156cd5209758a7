//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::McpRequest;
use tower_service::Service;

use crate::{
    future::ResponseFuture,
    recorder::Recorder,
    state::{Measurement, State},
};

/// Records the duration of each request to the inner service. Made by
/// [`TimingLayer`](crate::TimingLayer).
pub struct Timing<S, R> {
    inner: S,
    state: Arc<State<R>>,
}

impl<S, R> Timing<S, R> {
    pub(crate) fn with_state(inner: S, state: Arc<State<R>>) -> Self {
        Self { inner, state }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R, Req> Service<Req> for Timing<S, R>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
    R: Recorder,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Req::Response, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let measurement = Measurement::start(&self.state, &request);
        ResponseFuture::new(measurement, || self.inner.call(request))
    }
}

impl<S: Clone, R> Clone for Timing<S, R> {
    fn clone(&self) -> Self {
        Self::with_state(self.inner.clone(), Arc::clone(&self.state))
    }
}

impl<S: fmt::Debug, R> fmt::Debug for Timing<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timing")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
