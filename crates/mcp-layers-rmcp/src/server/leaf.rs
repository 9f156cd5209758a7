//! The innermost service of every stack: it gives the request to its handler.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::McpRequest;
use rmcp::{ErrorData, model::ServerResult};
use tower_service::Service;

use super::request::{Received, RmcpRequest};
use crate::RmcpResponse;

/// What a request is given to in the end.
pub(super) trait Handle: Send + Sync {
    /// rmcp's handlers have futures without a name, so that each request costs a box here.
    fn handle(self: Arc<Self>, received: Box<Received>) -> HandleFuture;
}

pub(super) type HandleFuture =
    Pin<Box<dyn Future<Output = Result<ServerResult, ErrorData>> + Send>>;

/// The innermost service of every stack: it gives the request to the handler that the request
/// carries. One stack so serves any number of handlers, which need not be of one type.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Leaf;

impl Leaf {
    pub(super) fn new() -> Self {
        Self
    }
}

impl Service<RmcpRequest> for Leaf {
    type Response = RmcpResponse;
    type Error = Infallible;
    type Future = LeafFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, mut request: RmcpRequest) -> LeafFuture {
        if let Some(progress) = request.context().progress().cloned() {
            request.insert_extension(progress);
        }
        if let Some(wait) = request.context().input_wait().cloned() {
            request.insert_extension(wait);
        }
        LeafFuture(request.handler.handle(request.received))
    }
}

/// The future of [`Leaf`].
pub struct LeafFuture(HandleFuture);

impl Future for LeafFuture {
    type Output = Result<RmcpResponse, Infallible>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0
            .as_mut()
            .poll(cx)
            .map(|result| Ok(RmcpResponse::new(result)))
    }
}

impl fmt::Debug for LeafFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeafFuture").finish_non_exhaustive()
    }
}
