//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::McpRequest;
use tower_service::Service;

use crate::{ResponseFuture, mask::Mask};

/// The service of [`ErrorMaskLayer`](crate::ErrorMaskLayer).
#[derive(Clone)]
pub struct ErrorMask<S> {
    inner: S,
    mask: Arc<Mask>,
}

impl<S> ErrorMask<S> {
    pub(crate) fn new(inner: S, mask: Arc<Mask>) -> Self {
        Self { inner, mask }
    }
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
        let mask = Arc::clone(&self.mask);
        let (reply_to, method) = (request.reply_to(), request.method().known());
        ResponseFuture::new(self.inner.call(request), mask, reply_to, method)
    }
}

impl<S: fmt::Debug> fmt::Debug for ErrorMask<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorMask")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
