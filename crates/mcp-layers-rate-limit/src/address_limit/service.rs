//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use governor::Quota;
use http::{HeaderValue, Request, Response, StatusCode, header::RETRY_AFTER};
use mcp_layers_core::ReplyFuture;
use tower_service::Service;

use super::{settings::Settings, state::State};
use crate::address::ClientAddress;

/// A service that limits the HTTP requests of each client address. Made by
/// [`AddressLimitLayer`](crate::AddressLimitLayer).
#[derive(Debug, Clone)]
pub struct AddressLimit<S> {
    inner: S,
    state: Arc<State>,
    settings: Arc<Settings>,
}

impl<S> AddressLimit<S> {
    /// Limits the requests to `inner` by a quota for each client address.
    pub fn new(inner: S, quota: Quota) -> Self {
        Self::with_state(inner, Arc::default(), Arc::new(Settings::new(quota)))
    }

    pub(super) fn with_state(inner: S, state: Arc<State>, settings: Arc<Settings>) -> Self {
        Self {
            inner,
            state,
            settings,
        }
    }

    mcp_layers_core::accessors!();
}

impl<S, B, R> Service<Request<B>> for AddressLimit<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ReplyFuture<S::Future, Response<R>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let address = self.settings.address(&request);
        if let Some(wait) = self.state.wait(address, &self.settings) {
            // A clone has reserved nothing: what this instance has reserved is given back.
            self.inner = self.inner.clone();
            return ReplyFuture::ready(refusal(wait));
        }
        if let Some(address) = address {
            request.extensions_mut().insert(ClientAddress(address));
        }
        ReplyFuture::inner(self.inner.call(request))
    }
}

fn refusal<R: Default>(wait: Duration) -> Response<R> {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}
