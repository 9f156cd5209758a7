//! A mask around a mock, and a log to look into.
#![allow(
    clippy::needless_pass_by_value,
    dead_code,
    unreachable_pub,
    reason = "each test uses its part of it, with layers made for it"
)]

use futures::FutureExt;
use mcp_layers_core::{Event, JsonRpcRequest, JsonRpcResponse, McpResponse};
use mcp_layers_error_mask::ErrorMaskLayer;
use mcp_layers_test::{Answer, Log, MockService, requests};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};

pub const SECRET: &str = "hunter2";

/// The answer to one `tools/call`, and what was logged meanwhile.
pub fn ask(layer: ErrorMaskLayer, answer: impl Into<Answer>) -> (JsonRpcResponse, String) {
    ask_for(layer, requests::call_tool(1, "echo", json!({})), answer)
}

pub fn ask_for(
    layer: ErrorMaskLayer,
    request: JsonRpcRequest,
    answer: impl Into<Answer>,
) -> (JsonRpcResponse, String) {
    let mock = MockService::new();
    mock.push(answer);
    ask_service(layer.layer(mock), request)
}

pub fn ask_service<S>(service: S, request: JsonRpcRequest) -> (JsonRpcResponse, String)
where
    S: tower::Service<JsonRpcRequest, Response = JsonRpcResponse, Error: std::fmt::Debug>,
{
    logged(|| {
        let answer = service.oneshot(request).now_or_never();
        answer.expect("nothing waits").expect("an answer")
    })
}

/// Returns the log lines written while `run` ran on this thread.
pub fn logged<T>(run: impl FnOnce() -> T) -> (T, String) {
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || written.clone())
        .with_ansi(false)
        .finish();
    let result = tracing::subscriber::with_default(subscriber, run);
    (result, log.text())
}

/// The JSON on the wire.
pub fn wire(response: &JsonRpcResponse) -> Value {
    Value::from(response)
}

/// The id that the caller got.
pub fn error_id(response: &JsonRpcResponse) -> String {
    let sent = wire(response);
    let id = sent["error"]["data"]["errorId"].as_str();
    id.unwrap_or_else(|| panic!("no id in {sent}")).to_owned()
}

/// The masked errors in the trail: the id and the original's message.
pub fn masked(response: &JsonRpcResponse) -> Vec<(String, String)> {
    let masked = response.trail().events().filter_map(|event| match event {
        Event::Masked { error_id, original } => {
            Some((error_id.to_string(), original.message.to_string()))
        }
        _ => None,
    });
    masked.collect()
}
