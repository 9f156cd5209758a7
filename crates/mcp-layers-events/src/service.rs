//! The service.

use std::task::{Context, Poll};

use mcp_layers_core::{McpRequest, observe::Observe};
use tower_service::Service;

use crate::state::{Report, State};

/// Counts and logs the events in the trail of each response. Made by
/// [`EventsLayer`](crate::EventsLayer).
#[derive(Debug, Clone)]
pub struct Events<S> {
    inner: S,
    state: State,
}

impl<S> Events<S> {
    pub(crate) fn with_state(inner: S, state: State) -> Self {
        Self { inner, state }
    }

    mcp_layers_core::accessors!();
}

/// The future of [`Events`].
pub type ResponseFuture<F, Res> = Observe<F, Res, Report>;

impl<S, Req> Service<Req> for Events<S>
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
        let report = Report::new(&self.state, &request);
        Observe::call(report, || self.inner.call(request))
    }
}
