//! The service.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
};

use mcp_layers_core::request::ReplayRequest;
use tower_service::Service;

use crate::{
    future::{Plan, ResponseFuture},
    retry_state::RetryState,
    safety::Safety,
    state::Shared,
    time_limit::TimeLimit,
};

/// Repeats failed requests to the inner service. Made by [`RetryLayer`](crate::RetryLayer).
#[derive(Debug, Clone)]
pub struct Retry<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Retry<S> {
    pub(crate) fn with_state(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }

    mcp_layers_core::accessors!();
}

impl<S, Req> Service<Req> for Retry<S>
where
    Req: ReplayRequest + Send + 'static,
    Req::Response: Send,
    S: Service<Req, Response = Req::Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let Shared { settings, state } = &*self.shared;
        let safety = settings.safety_of(&request);
        if safety == Safety::Pass {
            let attempt = self.inner.call(request);
            return ResponseFuture::new(attempt, Plan::Pass, TimeLimit::default());
        }
        if safety == Safety::Repeatable && request.progress_token().is_some() {
            request.context_mut().watch_progress();
        }
        let limit = TimeLimit::start(settings, &mut request);
        let attempts = state.attempts.load(Relaxed);
        if safety == Safety::Repeatable && attempts > 1 {
            request.context_mut().set_repeated();
            if let Some(copy) = request.try_clone() {
                settings
                    .budget
                    .deposit(copy.context().principal().map(|principal| &**principal));
                let (shared, inner) = (Arc::clone(&self.shared), self.inner.clone());
                let retry = RetryState::new(shared, inner, copy, attempts);
                let attempt = self.inner.call(request);
                return ResponseFuture::new(attempt, Plan::Repeat(retry), limit);
            }
        }
        let plan = Plan::Once {
            state: Arc::clone(state),
            reply_to: request.reply_to(),
            is_call: safety == Safety::Once,
        };
        ResponseFuture::new(self.inner.call(request), plan, limit)
    }
}
