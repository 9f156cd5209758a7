//! Callers, requests and readings of responses, for all tests.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test program uses its part"
)]

use std::{sync::Arc, time::Duration};

use mcp_layers_cache::{Cache, CacheLayer, Freshness};
use mcp_layers_core::{
    Authentication, Clock, Event, JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse, Method,
    Principal, response::CacheScope, trail::CacheEvent,
};
use mcp_layers_test::{Answer, MockService, requests, results};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};

pub const MINUTE: Duration = Duration::from_secs(60);

/// A layer with a clock that stands still, and a tool that is declared.
pub fn layer() -> (CacheLayer, Clock) {
    let clock = Clock::manual();
    let layer = CacheLayer::new()
        .with_clock(clock.clone())
        .tool("echo", Freshness::new(MINUTE))
        .unwrap();
    (layer, clock)
}

/// A principal with a credential of its own.
pub fn principal(subject: &str) -> Principal {
    Principal::new(subject, Authentication::Bearer)
        .with_issuer("https://issuer")
        .with_credential_digest(subject.as_bytes())
}

pub fn by(subject: &str, request: JsonRpcRequest) -> JsonRpcRequest {
    of(principal(subject), request)
}

pub fn of(principal: Principal, mut request: JsonRpcRequest) -> JsonRpcRequest {
    request.context_mut().set_principal(Arc::new(principal));
    request
}

/// A call of the tool that is declared.
pub fn call(arguments: Value) -> JsonRpcRequest {
    requests::call_tool(1, "echo", arguments)
}

pub fn read(uri: &str) -> JsonRpcRequest {
    requests::read_resource(1, uri)
}

pub fn list() -> JsonRpcRequest {
    requests::list_tools(1)
}

/// A mock that counts: each answer says which it was, fresh for a minute.
pub fn counting(scope: CacheScope) -> MockService {
    let count = std::sync::atomic::AtomicU64::new(0);
    MockService::answering(move |request: &JsonRpcRequest| {
        let count = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let result = match McpRequest::method(request) {
            Method::CallTool => results::text(&count.to_string()),
            _ => {
                let mut result = results::of(request);
                result["count"] = json!(count.to_string());
                results::fresh_for(result, 60_000, scope)
            }
        };
        Answer::result(result)
    })
}

/// The run of the mock that this answer is from.
pub fn run(response: &JsonRpcResponse) -> String {
    let result = response.result().unwrap();
    let count = result
        .get("count")
        .or_else(|| result["content"][0].get("text"));
    count.and_then(Value::as_str).unwrap().to_owned()
}

pub async fn ask(service: &Cache<MockService>, request: JsonRpcRequest) -> JsonRpcResponse {
    service.clone().oneshot(request).await.unwrap()
}

/// Asks, and tells which run of the mock answered.
pub async fn run_of(service: &Cache<MockService>, request: JsonRpcRequest) -> String {
    run(&ask(service, request).await)
}

/// The event that the cache reports.
pub fn event(response: &JsonRpcResponse) -> Option<CacheEvent> {
    response.trail().events().find_map(|event| match event {
        Event::Cache(event) => Some(*event),
        _ => None,
    })
}

/// A service around a mock that counts.
pub fn service(scope: CacheScope) -> (Cache<MockService>, MockService, Clock) {
    let (layer, clock) = layer();
    let mock = counting(scope);
    (layer.layer(mock.clone()), mock, clock)
}
