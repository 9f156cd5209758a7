//! One request through a stack of layers.

use std::{convert::Infallible, future::poll_fn};

use mcp_layers_core::{BoxError, catalog_layer::Cataloged};
use mcp_layers_util::CatchError;
use rmcp::{ErrorData, model::ServerResult};
use tower_service::Service;

use super::{leaf::Leaf, request::RmcpRequest};
use crate::RmcpResponse;

/// A user's layers, with what every stack has around them: answers for errors, and a catalog.
pub(super) type Whole<S> = Cataloged<CatchError<S>, Leaf>;

/// Waits until a clone of the stack is ready, then calls it.
pub(super) async fn answer<S>(
    stack: &Whole<S>,
    request: RmcpRequest,
) -> Result<ServerResult, ErrorData>
where
    S: Service<RmcpRequest, Response = RmcpResponse> + Clone,
    S::Error: Into<BoxError>,
{
    let mut stack = stack.clone();
    let Ok::<(), Infallible>(()) = poll_fn(|cx| stack.poll_ready(cx)).await;
    // rmcp moves its future several times: the one of many layers is large, and stays where it is.
    let future = Box::pin(stack.call(request));
    // What the layers hold for an instance is free while the request runs.
    drop(stack);
    let Ok(response) = future.await;
    response.into_result()
}
