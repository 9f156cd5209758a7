//! A retry layer around a mock, in tokio's paused time.
#![allow(dead_code, clippy::unwrap_used)]

use std::{num::NonZeroU32, time::Duration};

use mcp_layers_core::{Event, JsonRpcRequest, JsonRpcResponse, McpError, McpResponse};
use mcp_layers_retry::{Budget, RetryLayer};
use mcp_layers_test::{Answer, MockError, MockService, requests};
use serde_json::json;
use tower::{Layer, Service, ServiceExt};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// So many attempts, with a budget that is never spent; `safe` may be called again.
pub(crate) fn retry(attempts: u32) -> RetryLayer {
    RetryLayer::new(NonZeroU32::new(attempts).unwrap())
        .budget(Budget::new(1_000, 1_000_000).unwrap())
        .repeatable_tools(["safe"])
}

pub(crate) fn call(tool: &str) -> JsonRpcRequest {
    requests::call_tool(1, tool, json!({}))
}

pub(crate) fn failure() -> Answer {
    Answer::error(McpError::internal())
}

pub(crate) fn code(code: i32) -> Answer {
    Answer::error(McpError::new(code, "no"))
}

pub(crate) async fn send<L>(
    layer: &L,
    mock: &MockService,
    request: JsonRpcRequest,
) -> Result<JsonRpcResponse, MockError>
where
    L: Layer<MockService>,
    L::Service: Service<JsonRpcRequest, Response = JsonRpcResponse, Error = MockError>,
{
    layer.layer(mock.clone()).oneshot(request).await
}

/// Why it gave up, by the trail.
pub(crate) fn gave_up(response: &JsonRpcResponse) -> Option<&'static str> {
    response.trail().events().find_map(|event| match event {
        Event::GaveUp { reason } => Some(reason.as_str()),
        _ => None,
    })
}

/// How much of tokio's time it takes.
pub(crate) async fn took<F: Future>(future: F) -> (Duration, F::Output) {
    let started = tokio::time::Instant::now();
    let output = future.await;
    (started.elapsed(), output)
}
