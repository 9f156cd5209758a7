//! Requests of several callers, and a service that counts the calls that reach it.
#![allow(dead_code, clippy::unwrap_used)]

use std::{
    convert::Infallible,
    future::{Ready, ready},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::executor::block_on;
use mcp_layers_core::{
    Authentication, Catalog, Clock, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest,
    McpResponse, Principal,
};
use mcp_layers_rate_limit::{Quota, RateLimitLayer, Rule};
use serde_json::json;
use tower::{Layer, Service, ServiceExt};

pub(crate) fn n(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// A quota of one call in each period, with a burst.
pub(crate) fn quota(period: Duration, burst: u32) -> Quota {
    Quota::with_period(period).unwrap().allow_burst(n(burst))
}

/// A quota of one call a second, with a burst.
pub(crate) fn a_second(burst: u32) -> Quota {
    quota(Duration::from_secs(1), burst)
}

/// An anonymous call of a tool that the server offers.
pub(crate) fn call(tool: &str) -> JsonRpcRequest {
    with_catalog([tool], JsonRpcRequest::call_tool(1, tool, json!({})))
}

/// A request in a stack whose catalog knows these tools.
pub(crate) fn with_catalog<const N: usize>(
    tools: [&str; N],
    mut request: JsonRpcRequest,
) -> JsonRpcRequest {
    let catalog = Catalog::new().with_tools(tools);
    request.context_mut().set_catalog(catalog);
    request
}

/// A request of a verified principal.
pub(crate) fn by(subject: &str, request: JsonRpcRequest) -> JsonRpcRequest {
    from(Principal::new(subject, Authentication::Bearer), request)
}

pub(crate) fn from(principal: Principal, mut request: JsonRpcRequest) -> JsonRpcRequest {
    request.context_mut().set_principal(Arc::new(principal));
    request
}

/// A service that answers and counts every call.
#[derive(Clone, Default)]
pub(crate) struct Counting(pub(crate) Arc<AtomicU64>);

impl Counting {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

impl Service<JsonRpcRequest> for Counting {
    type Response = JsonRpcResponse;
    type Error = Infallible;
    type Future = Ready<Result<JsonRpcResponse, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: JsonRpcRequest) -> Self::Future {
        self.0.fetch_add(1, SeqCst);
        ready(Ok(JsonRpcResponse::success(
            &request,
            json!({ "content": [] }),
        )))
    }
}

/// A rate limit with a manual clock.
pub(crate) fn limiter(rules: impl IntoIterator<Item = Rule>) -> (RateLimitLayer, Clock) {
    let clock = Clock::manual();
    let layer = RateLimitLayer::new(rules).unwrap();
    (layer.with_clock(clock.clone()), clock)
}

/// Sends one request through the layer.
pub(crate) fn send<L>(layer: &L, request: JsonRpcRequest) -> JsonRpcResponse
where
    L: Layer<Counting>,
    L::Service: Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible>,
{
    block_on(layer.layer(Counting::default()).oneshot(request)).unwrap()
}

/// True if a request passes the layer.
pub(crate) fn passes<L>(layer: &L, request: JsonRpcRequest) -> bool
where
    L: Layer<Counting>,
    L::Service: Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible>,
{
    send(layer, request).outcome().code().is_none()
}

/// The number of requests of a hundred that pass.
pub(crate) fn how_many<L>(layer: &L, request: impl Fn() -> JsonRpcRequest) -> usize
where
    L: Layer<Counting>,
    L::Service: Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible>,
{
    (0..100).filter(|_| passes(layer, request())).count()
}

/// The error of a refusal.
pub(crate) fn error(response: JsonRpcResponse) -> McpError {
    response.into_error().unwrap()
}
