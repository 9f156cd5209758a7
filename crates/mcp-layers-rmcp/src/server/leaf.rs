//! The innermost service of every stack, which calls the handler.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use mcp_layers_core::McpRequest;
use tower_service::Service;

use super::{received::HandleFuture, request::RmcpRequest, waits::Tracked};
use crate::RmcpResponse;

/// The innermost service of every stack, which calls the handler of the request.
///
/// The request carries its handler, so that one stack serves any number of handlers of any type.
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

    fn call(&mut self, mut request: RmcpRequest) -> LeafFuture {
        if let Some(progress) = request.context().progress().cloned() {
            if request.request().is_none() {
                // An established subscription: rmcp has acknowledged it already.
                progress.report();
            }
            request.insert_extension(progress);
        }
        let wait = request.context().input_wait().cloned();
        let tracked = wait.map(|wait| Tracked::new(request.request_context(), wait));
        LeafFuture {
            future: request.handler.handle(request.received),
            _tracked: tracked,
        }
    }
}

/// The future of [`Leaf`].
pub struct LeafFuture {
    future: HandleFuture,
    _tracked: Option<Tracked>,
}

impl Future for LeafFuture {
    type Output = Result<RmcpResponse, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future
            .as_mut()
            .poll(cx)
            .map(|result| Ok(RmcpResponse::new(result)))
    }
}

mcp_layers_core::opaque_debug!(LeafFuture);
