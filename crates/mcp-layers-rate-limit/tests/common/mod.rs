//! Requests of somebody, and a service that counts what gets through.
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
    Authentication, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpResponse, Principal,
};
use mcp_layers_rate_limit::{MemoryStore, Quota, RateLimitLayer, Rule};
use mcp_layers_test::ManualClock;
use serde_json::json;
use tower::{Layer, Service, ServiceExt};

pub(crate) fn n(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// One in each period, and so many at once.
pub(crate) fn quota(period: Duration, burst: u32) -> Quota {
    Quota::with_period(period).unwrap().burst(n(burst))
}

/// One a second, and so many at once.
pub(crate) fn a_second(burst: u32) -> Quota {
    quota(Duration::from_secs(1), burst)
}

/// A call of a tool by nobody.
pub(crate) fn call(tool: &str) -> JsonRpcRequest {
    JsonRpcRequest::call_tool(1, tool, json!({}))
}

/// A request of somebody who is verified.
pub(crate) fn by(subject: &str, request: JsonRpcRequest) -> JsonRpcRequest {
    from(Principal::new(subject, Authentication::Bearer), request)
}

pub(crate) fn from(principal: Principal, mut request: JsonRpcRequest) -> JsonRpcRequest {
    request.context_mut().set_principal(Arc::new(principal));
    request
}

/// Answers everything, and counts it.
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

/// A limiter whose clock stands still.
pub(crate) fn limiter(
    rules: impl IntoIterator<Item = Rule>,
) -> (RateLimitLayer<MemoryStore<ManualClock>>, ManualClock) {
    let clock = ManualClock::new();
    let store = MemoryStore::new().clock(clock.clone());
    (RateLimitLayer::new(rules).unwrap().store(store), clock)
}

/// Sends one request through the layer.
pub(crate) fn send<L>(layer: &L, request: JsonRpcRequest) -> JsonRpcResponse
where
    L: Layer<Counting>,
    L::Service: Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible>,
{
    block_on(layer.layer(Counting::default()).oneshot(request)).unwrap()
}

/// Whether a request passes the layer.
pub(crate) fn passes<L>(layer: &L, request: JsonRpcRequest) -> bool
where
    L: Layer<Counting>,
    L::Service: Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible>,
{
    send(layer, request).outcome().code().is_none()
}

/// How many of a hundred such requests pass.
pub(crate) fn how_many<L>(layer: &L, request: impl Fn() -> JsonRpcRequest) -> usize
where
    L: Layer<Counting>,
    L::Service: Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible>,
{
    (0..100).filter(|_| passes(layer, request())).count()
}

/// The error with which a response refuses.
pub(crate) fn error(response: JsonRpcResponse) -> McpError {
    response.into_error().unwrap()
}
