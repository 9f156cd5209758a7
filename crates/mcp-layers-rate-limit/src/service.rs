//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{McpRequest, Method};
use tower_service::Service;

use crate::{
    Acquire, Charges, MemoryStore, RateLimitStore, ResponseFuture,
    future::{Held, Next},
    layer::{Settings, Shared},
};

/// The service of [`RateLimitLayer`](crate::RateLimitLayer).
pub struct RateLimit<S, St = MemoryStore> {
    inner: S,
    shared: Arc<Shared<St>>,
    settings: Settings,
}

impl<S, St> RateLimit<S, St> {
    pub(crate) fn new(inner: S, shared: Arc<Shared<St>>, settings: Settings) -> Self {
        Self {
            inner,
            shared,
            settings,
        }
    }
}

impl<S, St, Req> Service<Req> for RateLimit<S, St>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response> + Clone,
    St: RateLimitStore,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, St>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let mut charges = Charges::new();
        self.shared.rules.charge(&request, &mut charges);
        if !charges.is_empty() {
            let acquire = self.shared.store.acquire(&charges);
            if !acquire.is_plain_yes() {
                return self.hold(request, charges, acquire);
            }
        }
        ResponseFuture::inner(self.inner.call(request))
    }
}

impl<S, St: RateLimitStore> RateLimit<S, St> {
    /// What happens to a call that does not simply pass. Apart, so that one that does has little to
    /// carry.
    #[cold]
    fn hold<Req>(
        &mut self,
        request: Req,
        charges: Charges,
        acquire: Acquire<St::Later>,
    ) -> ResponseFuture<S, Req, St>
    where
        Req: McpRequest,
        S: Service<Req, Response = Req::Response> + Clone,
    {
        // A clone has reserved nothing; the instance that has goes with the call, or goes.
        let clone = self.inner.clone();
        let held = Held {
            service: std::mem::replace(&mut self.inner, clone),
            is_ready: true,
            as_tool_error: self.settings.as_tool_error && request.method() == Method::CallTool,
            request,
            charges,
            shared: Arc::clone(&self.shared),
            settings: self.settings,
            waits: None,
        };
        match acquire {
            Acquire::Later(later) => ResponseFuture::deciding(later, held),
            Acquire::Ready(decision) => match held.go_on(decision) {
                Next::Refuse(response) => ResponseFuture::ready(response),
                next => ResponseFuture::next(next),
            },
        }
    }
}

impl<S: Clone, St> Clone for RateLimit<S, St> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.shared), self.settings)
    }
}

impl<S: fmt::Debug, St> fmt::Debug for RateLimit<S, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
