//! A breaker around a mock, with a clock held by hand.
#![allow(dead_code, clippy::unwrap_used)]

use std::{num::NonZeroU32, time::Duration};

use mcp_layers_circuit_breaker::{CircuitBreakerHandle, CircuitBreakerLayer, State};
use mcp_layers_core::{BoxError, JsonRpcRequest, JsonRpcResponse, McpError, McpResponse};
use mcp_layers_test::{Answer, ManualClock, MockError, MockService, requests};
use serde_json::json;
use tower::{Layer, Service, ServiceExt};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) type Manual = CircuitBreakerLayer<
    mcp_layers_core::ByCode,
    mcp_layers_circuit_breaker::NoFallback,
    ManualClock,
>;

pub(crate) fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

pub(crate) fn call(tool: &str) -> JsonRpcRequest {
    requests::call_tool(1, tool, json!({}))
}

pub(crate) fn failure() -> Answer {
    Answer::error(McpError::internal())
}

pub(crate) fn layer() -> (Manual, ManualClock) {
    let clock = ManualClock::new();
    (CircuitBreakerLayer::new().clock(clock.clone()), clock)
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
pub(crate) async fn open(layer: &Manual, mock: &MockService, tool: &str) {
    for _ in 0..5 {
        send(layer, mock, call(tool), failure()).await;
    }
    assert_eq!(state(&layer.handle(), tool), Some(State::Open));
}

pub(crate) fn state(handle: &CircuitBreakerHandle, tool: &str) -> Option<State> {
    let status = handle.circuit(&format!("tools/call {tool}"))?;
    Some(status.state)
}
