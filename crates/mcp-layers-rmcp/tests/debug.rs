//! Debug output, which ends up in logs, shows no arguments, results or error texts.
#![cfg(all(feature = "client", feature = "http"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

mod fixture;

use std::sync::{Arc, Mutex};

use fixture::{Fixture, model, pipe::connect};
use mcp_layers_rmcp::{
    Layered, LayeredClient, RmcpNotification, RmcpRequest, RmcpResponse, UpstreamRequest,
};
use rmcp::{
    ErrorData,
    model::{ClientRequest, ErrorCode, ServerNotification, ServerResult},
};
use serde_json::{Value, json};
use tower::{layer::util::Identity, util::MapRequestLayer};

const SECRET: &str = "hunter2";

fn call() -> ClientRequest {
    let arguments = json!({ "password": SECRET });
    model(json!({ "method": "tools/call", "params": { "name": "echo", "arguments": arguments } }))
}

#[test]
fn a_request_to_an_upstream_shows_no_arguments() {
    let text = format!("{:?}", UpstreamRequest::new(call()));
    assert!(text.contains("tools/call"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn a_request_of_a_client_shows_no_arguments() {
    let seen = Arc::new(Mutex::new(String::new()));
    let tell = Arc::clone(&seen);
    let tap = MapRequestLayer::new(move |request: RmcpRequest| {
        *tell.lock().unwrap() = format!("{request:?}");
        request
    });
    let server = connect(Fixture::default().layered(tap), (), true).await;
    let client = LayeredClient::new(server.peer().clone(), Identity::new());
    client.call(UpstreamRequest::new(call())).await;
    let text = seen.lock().unwrap().clone();
    assert!(text.contains("tools/call"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

#[test]
fn a_response_shows_neither_the_result_nor_the_error() {
    let content = json!({ "content": [{ "type": "text", "text": SECRET }] });
    let result = RmcpResponse::new(Ok(ServerResult::CallToolResult(model(content))));
    let data = Some(Value::from(SECRET));
    let error = RmcpResponse::new(Err(ErrorData::new(ErrorCode(7), SECRET, data)));
    let text = format!("{result:?} {error:?}");
    assert!(text.contains("code: Some(7)"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

#[test]
fn a_notification_shows_no_params() {
    let params = json!({ "level": "info", "data": SECRET });
    let message = json!({ "method": "notifications/message", "params": params });
    let message: ServerNotification = model(message);
    let text = format!("{:?}", RmcpNotification::new(&message));
    assert!(text.contains("notifications/message"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}
