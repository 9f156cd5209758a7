//! A call into a hand-made service: the cost of layers and of nothing else.

use std::{
    convert::Infallible,
    future::{Ready, poll_fn, ready},
    task::{Context, Poll},
};

use futures::FutureExt;
use mcp_layers_core::{Catalog, JsonRpcRequest, JsonRpcResponse, McpRequest};
use serde_json::{Value, json};
use tower_service::Service;

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
        static REQUEST: JsonRpcRequest = {
            let mut request = JsonRpcRequest::call_tool(7, "dig", json!({"depth": 14}));
            let catalog = Catalog::new().with_tools(["dig"]);
            request.context_mut().set_catalog(catalog);
            request
        };
    }
    REQUEST.with(Clone::clone)
}

/// Gives the request to the service, which must have its answer at once. The service is there
/// already: a server that keeps it pays for no clone.
pub(crate) fn call<R, S: Service<R>>(service: &mut S, request: R) -> S::Response {
    let ready = poll_fn(|cx| service.poll_ready(cx)).now_or_never();
    assert!(matches!(ready, Some(Ok(()))), "it is ready at once");
    let answer = service.call(request).now_or_never();
    answer.and_then(Result::ok).expect("nothing waits or fails")
}

/// The same with a clone, as servers make one for each request.
pub(crate) fn answer<R, S: Service<R> + Clone>(service: &S, request: R) -> S::Response {
    call(&mut service.clone(), request)
}
