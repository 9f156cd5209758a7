//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{Classify, Clock, Event, McpRequest, McpResponse, Method, ReplyFuture};
use tower_service::Service;

use crate::{
    Admission, CircuitOpen, Fallback, ResponseFuture,
    future::Starting,
    key::Name,
    layer::Breaker,
    registry::{Entry, Place},
};

/// The service of [`CircuitBreakerLayer`](crate::CircuitBreakerLayer).
pub struct CircuitBreaker<S, K, F, C> {
    inner: S,
    breaker: Arc<Breaker<K, F, C>>,
}

impl<S, K, F, C> CircuitBreaker<S, K, F, C> {
    pub(crate) fn new(inner: S, breaker: Arc<Breaker<K, F, C>>) -> Self {
        Self { inner, breaker }
    }
}

impl<S, K, F, C, Req> Service<Req> for CircuitBreaker<S, K, F, C>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
    K: Classify,
    F: Fallback<Req>,
    C: Clock,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ReplyFuture<ResponseFuture<S::Future, K, F, C>, Req::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let breaker = &self.breaker;
        let method = request.method();
        let Some(name) = breaker.key.of(method, &request) else {
            return ReplyFuture::inner(ResponseFuture::unwatched(self.inner.call(request)));
        };
        let (place, entry) = breaker.registry.find(name);
        let (admission, changed) = entry.shared.admit(|| breaker.clock.now());
        let Admission::Pass(ticket) = admission else {
            return ReplyFuture::ready(breaker.refuse(&request, entry, admission));
        };
        let unproven = match name {
            Name::Tool(tool) if place == Place::OTHER => Some(tool.into()),
            _ => None,
        };
        let starting = Starting::new(breaker, entry, ticket, method);
        let future = self.inner.call(request);
        let call = starting.begun(place, unproven, changed);
        ReplyFuture::inner(ResponseFuture::watched(future, call))
    }
}

impl<K, F, C> Breaker<K, F, C> {
    #[cold]
    fn refuse<Req>(&self, request: &Req, entry: &Entry, admission: Admission) -> Req::Response
    where
        Req: McpRequest,
        F: Fallback<Req>,
    {
        let retry_after = match admission {
            Admission::Refuse { retry_after } => retry_after,
            Admission::Pass(_) => Default::default(),
        };
        let open = CircuitOpen {
            circuit: entry.label.clone(),
            retry_after,
        };
        let fallback = self.fallback.answer(request, &open);
        let mut response = fallback.unwrap_or_else(|| {
            let to = request.reply_to();
            if self.tool_errors && request.method() == Method::CallTool {
                Req::Response::from_tool_error(to, open.text())
            } else {
                Req::Response::from_error(to, open.error())
            }
        });
        response.trail_mut().push(Event::CircuitOpen {
            circuit: open.circuit,
            retry_after,
        });
        response
    }
}

impl<S: Clone, K, F, C> Clone for CircuitBreaker<S, K, F, C> {
    #[inline]
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.breaker))
    }
}

impl<S: fmt::Debug, K, F, C> fmt::Debug for CircuitBreaker<S, K, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
