//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use mcp_layers_core::{Catalog, Event, McpRequest, McpResponse, Method};
use tower_service::Service;

use crate::{
    call::Call,
    fallback::{CircuitOpen, Fallback},
    future::ResponseFuture,
    key::caller_of,
    shared_circuit::SharedCircuit,
    state::Breaker,
};

/// Refuses calls of the inner service while too many fail. Made by
/// [`CircuitBreakerLayer`](crate::CircuitBreakerLayer).
pub struct CircuitBreaker<S, F> {
    inner: S,
    breaker: Arc<Breaker<F>>,
}

impl<S, F> CircuitBreaker<S, F> {
    pub(crate) fn with_state(inner: S, breaker: Arc<Breaker<F>>) -> Self {
        Self { inner, breaker }
    }

    mcp_layers_core::accessors!();
}

impl<S, F, Req> Service<Req> for CircuitBreaker<S, F>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
    F: Fallback<Req>,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Req::Response, F>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let breaker = &self.breaker;
        let catalog = Catalog::of(&request, &breaker.settings.catalog);
        let Some(name) = breaker.settings.key.of(&request, catalog) else {
            return ResponseFuture::call(None, || self.inner.call(request));
        };
        let circuit = breaker.state.circuit(name, &breaker.settings);
        let caller = caller_of(&request, &breaker.state.callers);
        let now = breaker.settings.clock.now();
        let min_callers = breaker.state.min_callers(caller, &breaker.settings);
        let (admission, changed) = circuit.admit(caller, min_callers, now);
        if let Some(changed) = changed {
            breaker.state.changed(&circuit.label, changed);
        }
        let pass = match admission {
            Ok(pass) => pass,
            Err(retry_after) => {
                return ResponseFuture::refused(breaker.refuse(&request, &circuit, retry_after));
            }
        };
        let call = Call {
            breaker: Arc::clone(breaker),
            pass,
            method: request.method().known().unwrap_or(Method::CallTool),
            is_first: request.context().attempt() <= 1,
            changed,
            started: breaker.settings.circuit.slow_calls.map(|_| now),
            lesson: catalog.lesson(&request),
            circuit,
        };
        ResponseFuture::call(Some(call), || self.inner.call(request))
    }
}

impl<F> Breaker<F> {
    fn refuse<Req>(
        &self,
        request: &Req,
        circuit: &SharedCircuit,
        retry_after: Duration,
    ) -> Req::Response
    where
        Req: McpRequest,
        F: Fallback<Req>,
    {
        self.state.stats().refused += 1;
        let open = CircuitOpen {
            circuit: circuit.label.clone(),
            retry_after,
        };
        let event = Event::CircuitOpen {
            circuit: open.circuit.clone(),
            retry_after,
        };
        match self.fallback.answer(request, &open) {
            Some(mut response) => {
                response.trail_mut().push(event);
                response
            }
            None => self.settings.refusal.answer(request, open.error(), event),
        }
    }
}

impl<S: Clone, F> Clone for CircuitBreaker<S, F> {
    fn clone(&self) -> Self {
        Self::with_state(self.inner.clone(), Arc::clone(&self.breaker))
    }
}

impl<S: fmt::Debug, F> fmt::Debug for CircuitBreaker<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
