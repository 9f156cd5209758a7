//! The service.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

use mcp_layers_core::{McpRequest, Method, Refusal, StoredResponse};
use tower_service::Service;

use crate::{
    future::{InFlight, ResponseFuture, event, unavailable},
    state::State,
};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) retry_after: Duration,
    pub(crate) refusal: Refusal,
}

/// Counts the requests to the inner service, and refuses new ones while the server is draining. Made
/// by [`DrainLayer`](crate::DrainLayer).
#[derive(Debug, Clone)]
pub struct Drain<S> {
    inner: S,
    settings: Settings,
    state: Arc<State>,
}

impl<S> Drain<S> {
    pub(crate) fn with_state(inner: S, settings: Settings, state: Arc<State>) -> Self {
        Self {
            inner,
            settings,
            state,
        }
    }

    mcp_layers_core::accessors!();
}

impl<S, Req> Service<Req> for Drain<S>
where
    Req: McpRequest<Response: StoredResponse>,
    S: Service<Req, Response = Req::Response> + Clone,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Req::Response, Req::ReplyTo>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let Settings {
            retry_after,
            refusal,
        } = self.settings;
        // Counted before the question: a drain that begins in between waits for it.
        let counted = self.state.in_flight.token();
        if self.state.draining.is_cancelled() && request.method() != Method::Ping {
            self.state.refused.fetch_add(1, Relaxed);
            let error = unavailable().try_again_in(retry_after);
            let response = refusal.answer(&request, error, event("refused"));
            // A clone has reserved nothing: what this instance has reserved is given back.
            self.inner = self.inner.clone();
            return ResponseFuture::ready(response);
        }
        let in_flight = InFlight::new(&request, refusal, retry_after, &self.state, counted);
        ResponseFuture::new(self.inner.call(request), in_flight)
    }
}
