//! A stack that has nothing to do changes nothing.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use mcp_layers_tower_mcp::layered;
use mcp_layers_util::{CancelLayer, CatchErrorLayer, CatchPanicLayer, short_lived};
use serde_json::{Value, json};
use support::{Client, router};
use tower::{Layer, ServiceBuilder, limit::ConcurrencyLimitLayer, timeout::TimeoutLayer};

macro_rules! stack {
    () => {
        layered(
            ServiceBuilder::new()
                .layer(CatchErrorLayer::new())
                .layer(CatchPanicLayer::new())
                .layer(CancelLayer::new())
                .layer(short_lived(TimeoutLayer::new(Duration::from_secs(60))))
                .layer(short_lived(ConcurrencyLimitLayer::new(4))),
        )
    };
}

/// Every method that tower-mcp knows, most in more than one way, and some unknown ones.
fn requests() -> Vec<(&'static str, Value)> {
    let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    vec![
        ("ping", json!({})),
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("tools/list", json!({"cursor": "nonsense"})),
        (
            "tools/call",
            call("echo", json!({"b": 1.5, "a": [null, "x"]})),
        ),
        ("tools/call", json!({"name": "echo"})),
        ("tools/call", call("structured", json!({}))),
        ("tools/call", call("says_no", json!({}))),
        ("tools/call", call("breaks", json!({}))),
        ("tools/call", call("nothing", json!({}))),
        ("tools/call", call("panics", json!({"calm": 1}))),
        (
            "tools/call",
            json!({"name": "echo", "requestState": "s", "inputResponses": {}}),
        ),
        ("tools/call", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({"uri": "file:///readme"})),
        ("resources/read", json!({"uri": "db://users/7"})),
        ("resources/read", json!({"uri": "file:///nothing"})),
        ("resources/subscribe", json!({"uri": "file:///readme"})),
        ("resources/unsubscribe", json!({"uri": "file:///readme"})),
        ("prompts/list", json!({})),
        (
            "prompts/get",
            json!({"name": "greet", "arguments": {"name": "Ada"}}),
        ),
        ("prompts/get", json!({"name": "greet"})),
        (
            "completion/complete",
            json!({
                "ref": {"type": "ref/prompt", "name": "greet"},
                "argument": {"name": "name", "value": "A"},
            }),
        ),
        ("logging/setLevel", json!({"level": "debug"})),
        ("tasks/get", json!({"taskId": "nothing"})),
        (
            "tasks/update",
            json!({"taskId": "nothing", "inputResponses": {}}),
        ),
        ("tasks/cancel", json!({"taskId": "nothing"})),
        ("tasks/list", json!({})),
        ("tasks/result", json!({"taskId": "nothing"})),
        (
            "subscriptions/listen",
            json!({"notifications": {"toolsListChanged": true, "resourceSubscriptions": ["a:b"]}}),
        ),
        ("vendor/method", json!({"x": 1})),
        ("Tools/List", json!({})),
        (
            "initialize",
            json!({
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "again", "version": "1"},
            }),
        ),
    ]
}

#[tokio::test]
async fn legacy_answers_are_the_same_bytes() {
    let (bare, inner) = (router(), router());
    let mut layered = Client::legacy(&inner, stack!().layer(inner.clone())).await;
    let mut bare = Client::legacy(&bare, bare.clone()).await;
    for (method, params) in requests() {
        let expected = bare.bytes(method, params.clone()).await;
        assert_eq!(
            layered.bytes(method, params.clone()).await,
            expected,
            "{method} {params}"
        );
    }
}

#[tokio::test]
async fn modern_answers_are_the_same_bytes() {
    let mut bare = Client::new(router());
    let mut layered = Client::new(stack!().layer(router()));
    for (method, params) in requests() {
        let params = support::modern_params(params);
        let expected = bare.bytes(method, params.clone()).await;
        assert_eq!(
            layered.bytes(method, params.clone()).await,
            expected,
            "{method} {params}"
        );
    }
}

#[tokio::test]
async fn answers_before_the_handshake_are_the_same_bytes() {
    let mut bare = Client::new(router());
    let mut layered = Client::new(stack!().layer(router()));
    for (method, params) in requests() {
        let expected = bare.bytes(method, params.clone()).await;
        assert_eq!(layered.bytes(method, params).await, expected, "{method}");
    }
}

#[test]
fn every_method_of_tower_mcp_is_among_the_requests() {
    use mcp_layers_core::McpRequest;
    use mcp_layers_tower_mcp::TowerMcpRequest;
    use tower_mcp::{JsonRpcRequest, RouterRequest, protocol};

    let mut seen = std::collections::BTreeSet::new();
    for (method, params) in requests() {
        let request = JsonRpcRequest::new(1, method).with_params(params);
        let Ok(request) = protocol::McpRequest::from_jsonrpc(&request) else {
            continue;
        };
        let variant = format!("{request:?}");
        let variant = variant.split(['(', ' ']).next().unwrap().to_owned();
        seen.insert(variant);
        let view = TowerMcpRequest::new(RouterRequest::new(1.into(), request));
        assert_eq!(view.method().as_str(), method);
    }
    // As many as `tests/variants.rs` names.
    assert_eq!(seen.len(), 19, "{seen:?}");
}
