//! One request through a stack of layers.

use std::{convert::Infallible, future::poll_fn};

use rmcp::{ErrorData, model::ServerResult};
use tower_service::Service;

use super::request::RmcpRequest;
use crate::RmcpResponse;

/// Waits until a clone of the stack is ready, then calls it.
pub(super) async fn answer<S>(stack: &S, request: RmcpRequest) -> Result<ServerResult, ErrorData>
where
    S: Service<RmcpRequest, Response = RmcpResponse, Error = Infallible> + Clone,
{
    let mut stack = stack.clone();
    let Ok(()) = poll_fn(|cx| stack.poll_ready(cx)).await;
    let future = stack.call(request);
    // What the layers hold for an instance is free while the request runs.
    drop(stack);
    let Ok(response) = future.await;
    response.into_result()
}
