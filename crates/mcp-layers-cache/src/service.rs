//! The service.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{
    McpRequest, StoredResponse,
    response::CacheScope,
    trail::{BypassReason, CacheEvent},
};
use tower_service::Service;

use crate::{
    CacheHandle, ResponseFuture,
    miss::Miss,
    pending,
    state::{Found, State},
};

/// A service that answers MCP requests from a cache; the service of
/// [`CacheLayer`](crate::CacheLayer).
#[derive(Clone)]
pub struct Cache<S> {
    inner: S,
    state: Arc<State>,
}

impl<S> Cache<S> {
    /// Wraps a service with the cache that the handle belongs to.
    pub fn new(inner: S, handle: CacheHandle) -> Self {
        Self {
            inner,
            state: handle.0,
        }
    }

    mcp_layers_core::accessors!();
}

impl<S, Req> Service<Req> for Cache<S>
where
    Req: McpRequest + Send + 'static,
    Req::Response: StoredResponse,
    S: Service<Req, Response = Req::Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let rule = match self.state.rule(&request) {
            Ok(rule) => rule,
            Err(reason) => return self.bypass(request, reason),
        };
        let keys = self.state.keys(&request, &rule);
        if keys.public().len() > self.state.settings.max_entry_bytes {
            return self.bypass(request, BypassReason::TooLarge);
        }
        if rule.scope == Some(CacheScope::Private) && keys.private().is_none() {
            return self.bypass(request, BypassReason::NoContext);
        }
        let found = self
            .state
            .find(&rule, &keys, self.state.settings.clock.now());
        let stale = match found {
            Found::Fresh(entry) => {
                if let Some(response) = self.state.respond(&entry, request.reply_to(), false) {
                    // Gives back what the inner service reserved for this call.
                    self.inner = self.inner.clone();
                    return ResponseFuture::answer(response);
                }
                None
            }
            Found::Stale(entry) => Some(entry),
            Found::Nothing => None,
        };
        let miss = Miss::new(&self.state, &request, rule, &keys, stale);
        let next = self.inner.clone();
        let ready = mem::replace(&mut self.inner, next);
        ResponseFuture::miss(Box::pin(pending::answer(ready, request, miss)))
    }
}

impl<S> Cache<S> {
    fn bypass<Req>(
        &mut self,
        request: Req,
        reason: BypassReason,
    ) -> ResponseFuture<S::Future, S::Response, S::Error>
    where
        S: Service<Req>,
    {
        self.state.counters.lock().bypassed[reason as usize] += 1;
        // Most requests: there is nothing to report.
        let is_reported = reason != BypassReason::Undeclared;
        let in_meta = self.state.settings.reports_in_meta;
        let event = is_reported.then_some((CacheEvent::Bypass { reason }, in_meta));
        ResponseFuture::bypass(self.inner.call(request), event)
    }
}

impl<S: fmt::Debug> fmt::Debug for Cache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
