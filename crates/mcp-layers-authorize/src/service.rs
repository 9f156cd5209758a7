use std::{
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{Catalog, McpRequest};
use tower_service::Service;

use crate::{
    admitted::Admitted,
    check::{Check, check},
    future::ResponseFuture,
    policy::Policy,
    rejection::Rejection,
    settings::Settings,
    state::{Guard, State},
};

/// The service of [`AuthorizeLayer`](crate::AuthorizeLayer).
#[derive(Debug, Clone)]
pub struct Authorize<S> {
    inner: S,
    state: Arc<State>,
    settings: Settings,
}

impl<S> Authorize<S> {
    /// Wraps a service, with the default settings.
    pub fn new(inner: S, policy: impl Policy) -> Self {
        Self::with_state(inner, Arc::new(State::new(policy)), Settings::default())
    }

    pub(crate) fn with_state(inner: S, state: Arc<State>, settings: Settings) -> Self {
        Self {
            inner,
            state,
            settings,
        }
    }

    mcp_layers_core::accessors!();
}

impl<S, Req> Service<Req> for Authorize<S>
where
    Req: McpRequest + Send + 'static,
    Req::Response: Send + 'static,
    S: Service<Req, Response = Req::Response> + Clone + Send + 'static,
    S::Error: 'static,
    S::Future: Send,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let guard = Guard::new(&self.state, self.settings);
        Catalog::of(&request, &self.state.catalog).hide_names();
        match check(&guard, &request) {
            Check::Exempt => ResponseFuture::calling(self.inner.call(request), None),
            Check::Rejected(rejection) => ResponseFuture::ready(rejection.refuse(&guard, &request)),
            Check::Allowed(principal) => {
                let admitted = Admitted::new(guard, principal, &request);
                ResponseFuture::calling(self.inner.call(request), Some(admitted))
            }
            Check::Pending(mut decisions, principal) => {
                // The instance that is ready waits with the request.
                let clone = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, clone);
                ResponseFuture::waiting(async move {
                    decisions.wait().await;
                    if let Some(rejection) = Rejection::by_policy(decisions) {
                        return Ok(rejection.refuse(&guard, &request));
                    }
                    let admitted = Admitted::new(guard, principal, &request);
                    let response = inner.call(request).await?;
                    match admitted.finish(response) {
                        Ok(response) => Ok(response),
                        Err(filter) => Ok(filter.wait().await),
                    }
                })
            }
        }
    }
}
