//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::McpRequest;
use tower_service::Service;

use crate::{future::ResponseFuture, request::Request, state::State};

/// The service of [`ErrorMaskLayer`](crate::ErrorMaskLayer): masks the errors of another service.
#[derive(Debug, Clone)]
pub struct ErrorMask<S> {
    inner: S,
    state: Arc<State>,
}

impl<S> ErrorMask<S> {
    pub(crate) fn with_state(inner: S, state: Arc<State>) -> Self {
        Self { inner, state }
    }

    /// Masks the errors of `inner` with the default settings.
    pub fn new(inner: S) -> Self {
        Self::with_state(inner, Arc::default())
    }

    mcp_layers_core::accessors!();
}

impl<S, Req> Service<Req> for ErrorMask<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Req::ReplyTo>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let state = Arc::clone(&self.state);
        let (reply_to, log) = (request.reply_to(), Request::of(&request));
        ResponseFuture::new(self.inner.call(request), state, log, reply_to)
    }
}
