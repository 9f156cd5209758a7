//! A call into a hand-made service: the cost of layers and of nothing else.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use futures::FutureExt;
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse};
use serde_json::{Value, json};
use tower::{Service, ServiceExt};

/// A service that answers at once, with next to nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf;

impl Service<JsonRpcRequest> for Leaf {
    type Response = JsonRpcResponse;
    type Error = Infallible;
    type Future = Ready<Result<JsonRpcResponse, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: JsonRpcRequest) -> Self::Future {
        ready(Ok(JsonRpcResponse::success(&request, Value::Null)))
    }
}

/// A copy that shares its params with all others: what is measured is no JSON made or dropped.
pub(crate) fn request() -> JsonRpcRequest {
    thread_local! {
        static REQUEST: JsonRpcRequest =
            JsonRpcRequest::call_tool(7, "dig", json!({"depth": 14}));
    }
    REQUEST.with(Clone::clone)
}

/// Gives the request to a clone of the service, which must have its answer at once.
pub(crate) fn answer<S>(service: &S, request: JsonRpcRequest) -> JsonRpcResponse
where
    S: Service<JsonRpcRequest, Response = JsonRpcResponse> + Clone,
{
    let answer = service.clone().oneshot(request).now_or_never();
    answer.and_then(Result::ok).expect("nothing waits or fails")
}
