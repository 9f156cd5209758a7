//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{ConfigError, McpRequest};
use tower_service::Service;

use crate::{
    future::ResponseFuture,
    held::Held,
    memory_store::MemoryStore,
    rule::Rule,
    rules::Rules,
    settings::Settings,
    state::State,
    store::{Acquire, RateLimitStore, Verdict},
};

/// A service that rate-limits the calls of an inner one. Made by
/// [`RateLimitLayer`](crate::RateLimitLayer).
#[derive(Debug)]
pub struct RateLimit<S, St = MemoryStore> {
    inner: S,
    state: Arc<State<St>>,
    settings: Settings,
}

impl<S> RateLimit<S> {
    /// Limits the calls of `inner`, with budgets in memory.
    ///
    /// # Errors
    /// As [`RateLimitLayer::new`](crate::RateLimitLayer::new).
    pub fn new(inner: S, rules: impl IntoIterator<Item = Rule>) -> Result<Self, ConfigError> {
        let state = Arc::new(State::new(Rules::new(rules)?, MemoryStore::new()));
        Ok(Self::with_state(inner, state, Settings::default()))
    }
}

impl<S, St> RateLimit<S, St> {
    pub(crate) fn with_state(inner: S, state: Arc<State<St>>, settings: Settings) -> Self {
        Self {
            inner,
            state,
            settings,
        }
    }

    mcp_layers_core::accessors!();
}

impl<S, St, Req> Service<Req> for RateLimit<S, St>
where
    Req: McpRequest + Send + 'static,
    Req::Response: Send,
    S: Service<Req, Response = Req::Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    St: RateLimitStore,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let costs = self.state.rules.costs(&request);
        if costs.is_empty() {
            return ResponseFuture::inner(self.inner.call(request));
        }
        let acquire = self.state.store.acquire(&costs);
        if matches!(&acquire, Acquire::Ready(decision) if *decision == Verdict::Admitted.into()) {
            return ResponseFuture::inner(self.inner.call(request));
        }
        // The instance that is ready goes with the call.
        let clone = self.inner.clone();
        let held = Held {
            service: std::mem::replace(&mut self.inner, clone),
            request,
            costs,
            state: Arc::clone(&self.state),
            settings: self.settings,
        };
        ResponseFuture::held(Box::pin(held.run(acquire)))
    }
}

impl<S: Clone, St> Clone for RateLimit<S, St> {
    fn clone(&self) -> Self {
        Self::with_state(self.inner.clone(), Arc::clone(&self.state), self.settings)
    }
}
