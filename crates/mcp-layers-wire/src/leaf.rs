//! The innermost service of every stack.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use mcp_layers_core::{
    Catalog, CatalogLayer, Event, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest,
    McpResponse, catalog_layer::Cataloged,
};
use mcp_layers_util::{CatchError, CatchErrorLayer};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::WireError;

/// The innermost service of every stack, which sends a call to the server and waits for its answer. If
/// its future is dropped meanwhile, the server is notified in the way of its transport and of the call's
/// protocol version.
///
/// The request carries the way to its server, so that one stack serves any number of connections.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Leaf;

/// A call of a client, and the way to its server.
pub(crate) trait Outward: Send + Sync {
    /// Makes an attempt: sends `request` to the server, and waits for the answer.
    fn attempt<'a>(self: Arc<Self>, request: &'a JsonRpcRequest) -> Answer<'a>;
}

/// The future of an attempt.
pub(crate) type Answer<'a> = BoxFuture<'a, Result<JsonRpcResponse, WireError>>;

/// An extension of the request, which the leaf finds there.
#[derive(Clone)]
pub(crate) struct Way(pub(crate) Arc<dyn Outward>);

impl Service<JsonRpcRequest> for Leaf {
    type Response = JsonRpcResponse;
    type Error = WireError;
    type Future = BoxFuture<'static, Result<JsonRpcResponse, WireError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: JsonRpcRequest) -> Self::Future {
        Box::pin(send(request))
    }
}

async fn send(request: JsonRpcRequest) -> Result<JsonRpcResponse, WireError> {
    let way = request.extension::<Way>().cloned();
    let Way(call) = way.ok_or(WireError::Detached)?;
    let token = request.cancellation().clone();
    tokio::select! {
        biased;
        // A cancellation may overtake its request while layers hold it.
        () = token.cancelled() => Ok(cancelled(&request)),
        response = call.attempt(&request) => response,
    }
}

fn cancelled(request: &JsonRpcRequest) -> JsonRpcResponse {
    let mut response = JsonRpcResponse::error(request, McpError::cancelled());
    response.trail_mut().push(Event::Cancelled);
    response
}

/// The layers, between a catalog and the leaf.
pub(crate) type Stack<S> = Cataloged<CatchError<S>, Leaf>;

/// Puts layers around the leaf.
pub(crate) fn stack<L: Layer<Leaf>>(layers: L) -> Stack<L::Service> {
    let service = CatchErrorLayer::new().layer(layers.layer(Leaf));
    with_catalog(service, Catalog::new())
}

/// The same stack with another catalog.
pub(crate) fn in_catalog<S: Clone>(stack: &Stack<S>, catalog: Catalog) -> Stack<S> {
    with_catalog(stack.get_ref().clone(), catalog)
}

fn with_catalog<S>(service: CatchError<S>, catalog: Catalog) -> Stack<S> {
    CatalogLayer::new(catalog).look_up_at(Leaf).layer(service)
}
