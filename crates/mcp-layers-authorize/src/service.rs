use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::McpRequest;
use tower_service::Service;

use crate::{
    admitted::Admitted,
    check::{Check, check},
    future::{ResponseFuture, Waiting},
    policy::Policy,
    settings::Settings,
    state::State,
};

/// The service of [`AuthorizeLayer`](crate::AuthorizeLayer).
pub struct Authorize<S, P> {
    inner: S,
    state: Arc<State<P>>,
    settings: Settings,
}

impl<S, P: Policy> Authorize<S, P> {
    /// Wraps a service, with the default settings.
    pub fn new(inner: S, policy: P) -> Self {
        Self::with_state(inner, Arc::new(State::new(policy)), Settings::default())
    }
}

impl<S, P> Authorize<S, P> {
    pub(crate) fn with_state(inner: S, state: Arc<State<P>>, settings: Settings) -> Self {
        Self {
            inner,
            state,
            settings,
        }
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

impl<S, P, Req> Service<Req> for Authorize<S, P>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response> + Clone,
    P: Policy,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let (state, settings) = (&self.state, self.settings);
        let policy = state.policy();
        match check(state, &*policy, &settings, &request) {
            Check::Exempt => ResponseFuture::calling(self.inner.call(request), None),
            Check::Rejected(rejection) => {
                rejection.count(&state.counters);
                ResponseFuture::ready(rejection.answer(&request, &settings))
            }
            Check::Allowed(principal) => {
                let admitted = Admitted::new(state, &policy, settings, principal, &request);
                ResponseFuture::calling(self.inner.call(request), Some(admitted))
            }
            Check::Pending(decisions, principal) => {
                // The instance that is ready waits with the request.
                let clone = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, clone);
                ResponseFuture::deciding(Waiting {
                    decisions,
                    state: Arc::clone(&self.state),
                    policy,
                    settings,
                    principal,
                    inner,
                    request,
                })
            }
        }
    }
}

impl<S: Clone, P> Clone for Authorize<S, P> {
    fn clone(&self) -> Self {
        Self::with_state(self.inner.clone(), Arc::clone(&self.state), self.settings)
    }
}

impl<S: fmt::Debug, P> fmt::Debug for Authorize<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize")
            .field("inner", &self.inner)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
