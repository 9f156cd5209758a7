//! The service.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
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
    inner: S,
    origin: Arc<Origin<S, K, C>>,
}

/// What all clones of a service share. A request that may be repeated holds on to this alone, so
/// that the inner service is cloned when something fails, and not for each request.
pub(crate) struct Origin<S, K, C> {
    pub(crate) shared: Arc<Shared<K, C>>,
    // Behind a lock because it need not be `Sync`.
    inner: Mutex<S>,
}

impl<S: Clone, K, C> Retry<S, K, C> {
    pub(crate) fn new(inner: S, shared: Arc<Shared<K, C>>) -> Self {
        let origin = Origin {
            shared,
            inner: Mutex::new(inner.clone()),
        };
        let origin = Arc::new(origin);
        Self { inner, origin }
    }
}

impl<S: Clone, K, C> Origin<S, K, C> {
    /// The inner service once more. It was not made ready.
    pub(crate) fn inner(&self) -> S {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.clone()
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
        let shared = &self.origin.shared;
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
                let again = Again::new(Arc::clone(&self.origin), copy, attempts);
                return ResponseFuture::repeat(self.inner.call(request), again, watch);
            }
        }
        let reply_to = request.reply_to();
        let unsafe_call = allows == Allows::Once;
        let future = self.inner.call(request);
        let origin = Arc::clone(&self.origin);
        ResponseFuture::once(future, origin, reply_to, unsafe_call, watch)
    }
}

impl<S: Clone, K, C> Clone for Retry<S, K, C> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            origin: Arc::clone(&self.origin),
        }
    }
}

impl<S: fmt::Debug, K, C> fmt::Debug for Retry<S, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
