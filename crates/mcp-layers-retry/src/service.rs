//! The service.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
};

use mcp_layers_core::{Classify, Clock, ReplayRequest};
use tower_service::Service;

use crate::{
    ResponseFuture,
    future::{Again, Watch},
    layer::Shared,
    policy::Allows,
};

/// The service of [`RetryLayer`](crate::RetryLayer).
pub struct Retry<S, K, C> {
    pub(crate) inner: S,
    pub(crate) shared: Arc<Shared<K, C>>,
}

impl<S, K, C> Retry<S, K, C> {
    pub(crate) fn new(inner: S, shared: Arc<Shared<K, C>>) -> Self {
        Self { inner, shared }
    }
}

impl<S, K, C, Req> Service<Req> for Retry<S, K, C>
where
    Req: ReplayRequest,
    S: Service<Req, Response = Req::Response> + Clone,
    K: Classify,
    C: Clock,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, K, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Req) -> Self::Future {
        let shared = &self.shared;
        let allows = shared.policy.of(&request);
        if allows == Allows::Pass {
            return ResponseFuture::pass(self.inner.call(request));
        }
        let attempts = shared.attempts.load(Relaxed);
        let watch = Watch::start(shared, &mut request, allows);
        if allows == Allows::Repeat && attempts > 1 {
            request.context_mut().set_repeated();
            if let Some(copy) = request.try_clone() {
                shared.budget.deposit();
                let future = self.inner.call(request);
                let again = Again::new(self.clone(), copy, attempts);
                return ResponseFuture::repeat(future, again, watch);
            }
        }
        let reply_to = request.reply_to();
        let unsafe_call = allows == Allows::Once;
        let future = self.inner.call(request);
        ResponseFuture::once(future, Arc::clone(shared), reply_to, unsafe_call, watch)
    }
}

impl<S: Clone, K, C> Clone for Retry<S, K, C> {
    #[inline]
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.shared))
    }
}

impl<S: fmt::Debug, K, C> fmt::Debug for Retry<S, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
