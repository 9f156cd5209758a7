use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::McpRequest;
use tower_service::Service;

use super::{
    Asked, AuthorizeFuture, Refusal, Settings, Shared, after::After, ask_about, judging::Judging,
};
use crate::Policy;

/// The service of [`AuthorizeLayer`](crate::AuthorizeLayer).
pub struct Authorize<S, P> {
    inner: S,
    shared: Arc<Shared<P>>,
    settings: Settings,
}

impl<S, P> Authorize<S, P> {
    pub(super) fn new(inner: S, shared: Arc<Shared<P>>, settings: Settings) -> Self {
        Self {
            inner,
            shared,
            settings,
        }
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
    type Future = AuthorizeFuture<S, Req, P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let (judge, about, principal) = match ask_about(&self.shared, &self.settings, &request) {
            Asked::Exempt => {
                return AuthorizeFuture::running(self.inner.call(request), None);
            }
            Asked::Refused(refusal) => {
                let response = refusal.response(&request, self.settings.tool_errors);
                return AuthorizeFuture::ready(response);
            }
            Asked::Allowed(about, principal) => {
                let after = After::of(&self.shared, self.settings, principal, about, &request);
                return AuthorizeFuture::running(self.inner.call(request), Some(after));
            }
            Asked::Judging(judge, about, principal) => (judge, about, principal),
        };
        if judge.is_done() {
            if let Some(refusal) = Refusal::of(judge.decision, judge.failures) {
                let response = refusal.response(&request, self.settings.tool_errors);
                return AuthorizeFuture::ready(response);
            }
            let after = After::of(&self.shared, self.settings, principal, about, &request);
            return AuthorizeFuture::running(self.inner.call(request), Some(after));
        }
        let after = After::of(&self.shared, self.settings, principal, about, &request);
        // The instance that was made ready waits with the request.
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        AuthorizeFuture::judging(Judging {
            judge,
            inner,
            as_tool_error: self.settings.tool_errors,
            waiting: Some((request, after)),
        })
    }
}

impl<S: Clone, P> Clone for Authorize<S, P> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.shared), self.settings)
    }
}

impl<S: fmt::Debug, P> fmt::Debug for Authorize<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
