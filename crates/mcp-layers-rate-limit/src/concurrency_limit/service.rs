//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{ConfigError, McpRequest, ReplyFuture};
use tower_service::Service;

use super::{future::ConcurrencyLimitFuture, permits::Permits, settings::Settings};

/// A service that limits the calls in flight of an inner one. Made by
/// [`ConcurrencyLimitLayer`](crate::ConcurrencyLimitLayer).
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit<S> {
    inner: S,
    permits: Arc<Permits>,
    settings: Arc<Settings>,
}

impl<S> ConcurrencyLimit<S> {
    /// Limits each principal to `max_in_flight` calls of `inner` at once.
    ///
    /// # Errors
    /// As [`ConcurrencyLimitLayer::new`](crate::ConcurrencyLimitLayer::new).
    pub fn new(
        inner: S,
        name: impl Into<Box<str>>,
        max_in_flight: usize,
    ) -> Result<Self, ConfigError> {
        let settings = Settings::new(name.into(), max_in_flight)?;
        Ok(Self::with_state(inner, Arc::default(), Arc::new(settings)))
    }

    pub(super) fn with_state(inner: S, permits: Arc<Permits>, settings: Arc<Settings>) -> Self {
        Self {
            inner,
            permits,
            settings,
        }
    }

    mcp_layers_core::accessors!();
}

impl<S, Req> Service<Req> for ConcurrencyLimit<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response> + Clone,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ConcurrencyLimitFuture<S::Future, Req::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let settings = &self.settings;
        let Some(max) = settings.max(request.method(), &self.permits) else {
            return ConcurrencyLimitFuture::new(ReplyFuture::inner(self.inner.call(request)), None);
        };
        let permit = Permits::acquire(&self.permits, &settings.key(&request), max);
        if permit.is_none() {
            let refusal = settings.refuse(&request);
            // A clone has reserved nothing: what this instance has reserved is given back.
            self.inner = self.inner.clone();
            return ConcurrencyLimitFuture::new(ReplyFuture::ready(refusal), None);
        }
        ConcurrencyLimitFuture::new(ReplyFuture::inner(self.inner.call(request)), permit)
    }
}
