//! A breaker around a mock, with a clock held by hand.
#![allow(dead_code, clippy::unwrap_used)]

use std::{
    num::NonZeroU32,
    sync::{Arc, LazyLock},
    time::Duration,
};

use mcp_layers_circuit_breaker::{CircuitBreakerHandle, CircuitBreakerLayer, CircuitState};
use mcp_layers_core::{
    Authentication, BoxError, Catalog, Clock, JsonRpcRequest, JsonRpcResponse, McpError,
    McpRequest, McpResponse, Principal,
};
use mcp_layers_test::{Answer, MockError, MockService, requests};
use serde_json::json;
use tower::{Layer, Service, ServiceExt};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The tools that the server is known to have.
static CATALOG: LazyLock<Catalog> =
    LazyLock::new(|| Catalog::new().with_tools(["dig", "echo", "fail", "late", "weather"]));

pub(crate) fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// A call in a stack whose catalog knows some tools.
pub(crate) fn call(tool: &str) -> JsonRpcRequest {
    known(requests::call_tool(1, tool, json!({})))
}

pub(crate) fn known(mut request: JsonRpcRequest) -> JsonRpcRequest {
    request.context_mut().set_catalog(CATALOG.clone());
    request
}

/// A call of a verified principal.
pub(crate) fn call_by(subject: &str, tool: &str) -> JsonRpcRequest {
    let mut request = call(tool);
    let principal = Principal::new(subject, Authentication::Bearer);
    request.context_mut().set_principal(Arc::new(principal));
    request
}

pub(crate) fn failure() -> Answer {
    Answer::error(McpError::internal())
}

pub(crate) fn layer() -> (CircuitBreakerLayer, Clock) {
    let clock = Clock::manual();
    (CircuitBreakerLayer::new().with_clock(clock.clone()), clock)
}

/// Sends one request, which gets this answer if it comes so far; the code that comes out.
pub(crate) async fn send<L>(
    layer: &L,
    mock: &MockService,
    request: JsonRpcRequest,
    answer: Answer,
) -> Option<i32>
where
    L: Layer<MockService>,
    L::Service: Service<JsonRpcRequest, Response = JsonRpcResponse, Error = MockError>,
{
    mock.push(answer);
    let response = layer.layer(mock.clone()).oneshot(request).await;
    mock.clear();
    match response {
        Ok(response) => response.outcome().code(),
        Err(error) => {
            let _: BoxError = error.into();
            Some(0)
        }
    }
}

/// Lets a tool fail until its circuit opens.
pub(crate) async fn open(layer: &CircuitBreakerLayer, mock: &MockService, tool: &str) {
    for _ in 0..5 {
        send(layer, mock, call(tool), failure()).await;
    }
    assert_eq!(state(&layer.handle(), tool), Some(CircuitState::Open));
}

pub(crate) fn state(handle: &CircuitBreakerHandle, tool: &str) -> Option<CircuitState> {
    let status = handle.circuit(&format!("tools/call {tool}"))?;
    Some(status.state)
}
