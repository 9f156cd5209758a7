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
    future::Then,
    miss::Miss,
    pending::Pending,
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
        let state = handle.into_state();
        Self { inner, state }
    }

    mcp_layers_core::accessors!();
}

impl<S, Req> Service<Req> for Cache<S>
where
    Req: McpRequest,
    Req::Response: StoredResponse,
    S: Service<Req, Response = Req::Response> + Clone,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let rule = match self.state.rule(&request) {
            Ok(rule) => rule,
            Err(reason) => return self.bypass(request, reason),
        };
        let keys = self.state.keys(&request, &rule);
        if keys.public.len() > self.state.settings.max_entry_bytes {
            return self.bypass(request, BypassReason::TooLarge);
        }
        if rule.scope == Some(CacheScope::Private) && keys.private.is_none() {
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
        let miss = Miss::new(&self.state, &request, rule, keys, stale);
        let next = self.inner.clone();
        let ready = mem::replace(&mut self.inner, next);
        ResponseFuture::pending(Pending::new(ready, request, miss))
    }
}

impl<S> Cache<S> {
    fn bypass<Req>(&mut self, request: Req, reason: BypassReason) -> ResponseFuture<S, Req>
    where
        Req: McpRequest,
        S: Service<Req>,
    {
        self.state.counters.bypassed(reason);
        let then = match reason {
            // Most requests: there is nothing to report.
            BypassReason::Undeclared => Then::Pass,
            reason => {
                let in_meta = self.state.settings.reports_in_meta;
                Then::Report(CacheEvent::Bypass { reason }, in_meta)
            }
        };
        ResponseFuture::running(self.inner.call(request), then)
    }
}

impl<S: fmt::Debug> fmt::Debug for Cache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
