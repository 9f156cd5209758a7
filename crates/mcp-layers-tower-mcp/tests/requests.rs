//! The views of tower-mcp's requests.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::{Arc, Mutex};

use mcp_layers_core::{
    Arguments, Authentication, ListedKind, McpRequest, Method, Principal, progress::Progress,
    request::ReplayRequest, request::RequestId,
};
use mcp_layers_tower_mcp::{TowerMcpRequest, layered};
use serde_json::{Value, json};
use support::{Client, router};
use tower::{Layer, ServiceBuilder};
use tower_mcp::{JsonRpcRequest, RouterRequest, TraceContext, protocol};

fn request(method: &str, params: Value) -> TowerMcpRequest {
    let request = JsonRpcRequest::new("id", method).with_params(params);
    let inner = protocol::McpRequest::from_jsonrpc(&request).unwrap();
    TowerMcpRequest::new(RouterRequest::new("id".into(), inner))
}

fn params(method: &str, params: Value) -> Vec<u8> {
    let mut out = Vec::new();
    request(method, params).write_params(&mut out);
    out
}

#[test]
fn a_call_shows_its_tool_arguments_and_metadata() {
    let call = json!({"name": "echo", "arguments": {"a": 1}, "_meta": support::modern()});
    let call = request("tools/call", call);
    assert_eq!(call.method(), Method::CallTool);
    assert_eq!(call.id(), Some(RequestId::String("id")));
    assert_eq!(call.target(), Some("echo"));
    assert_eq!(call.arguments().get("a"), Some(&json!(1)));
    assert!(matches!(call.arguments(), Arguments::Map(_)));
    assert_eq!(call.protocol_version().as_deref(), Some("2026-07-28"));
    assert!(call.is_modern());
    assert_eq!(call.client_info().unwrap().name, "modern");
    assert_eq!(call.progress_token(), Some(&json!("p")));
    assert!(!call.is_continuation());
    let mut capabilities = Vec::new();
    call.write_client_capabilities(&mut capabilities);
    assert_eq!(capabilities, br#"{"elicitation":{}}"#);
}

#[test]
fn a_handler_finds_where_to_say_that_it_reported_progress() {
    let mut call = request("tools/call", json!({"name": "echo"}));
    let progress = call.context_mut().watch_progress().clone();
    let inner = call.into_inner();
    inner.extensions.get::<Progress>().unwrap().report();
    assert!(progress.last().is_some());
}

#[test]
fn a_trace_context_is_among_the_metadata() {
    let mut call = request("tools/call", json!({"name": "echo"}));
    assert_eq!(call.meta(), None);
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut inner = call.into_inner();
    inner
        .extensions
        .insert(TraceContext::parse(parent, None).unwrap());
    call = TowerMcpRequest::new(inner);
    assert_eq!(call.meta().unwrap()["traceparent"], parent);
}

#[test]
fn targets_are_found_in_every_kind_of_request() {
    for (method, params, target) in [
        ("resources/read", json!({"uri": "a:b"}), Some("a:b")),
        ("resources/subscribe", json!({"uri": "a:b"}), Some("a:b")),
        ("resources/unsubscribe", json!({"uri": "a:b"}), Some("a:b")),
        ("prompts/get", json!({"name": "greet"}), Some("greet")),
        ("tasks/get", json!({"taskId": "t"}), Some("t")),
        ("tasks/update", json!({"taskId": "t"}), Some("t")),
        ("tasks/cancel", json!({"taskId": "t"}), Some("t")),
        ("tasks/result", json!({"taskId": "t"}), Some("t")),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/resource", "uri": "a:b"},
                   "argument": {"name": "n", "value": "v"}}),
            Some("a:b"),
        ),
        ("tools/list", json!({}), None),
        ("vendor/method", json!({"name": "n"}), None),
    ] {
        assert_eq!(request(method, params).target(), target, "{method}");
    }
}

#[test]
fn the_kind_of_a_completions_target_is_what_its_reference_says() {
    let argument = json!({"name": "n", "value": "v"});
    for (reference, kind) in [
        (
            json!({"type": "ref/prompt", "name": "p"}),
            ListedKind::Prompt,
        ),
        (
            json!({"type": "ref/resource", "uri": "u"}),
            ListedKind::ResourceTemplate,
        ),
    ] {
        let params = json!({"ref": reference, "argument": argument});
        assert_eq!(
            request("completion/complete", params).target_kind(),
            Some(kind)
        );
    }
    let call = request("tools/call", json!({"name": "n"}));
    assert_eq!(call.target_kind(), Some(ListedKind::Tool));
}

#[test]
fn an_empty_cursor_is_not_the_absence_of_one() {
    assert_eq!(request("tools/list", json!({})).cursor(), None);
    assert_eq!(
        request("tools/list", json!({"cursor": ""})).cursor(),
        Some("")
    );
    assert_eq!(
        request("tasks/list", json!({"cursor": "c"})).cursor(),
        Some("c")
    );
    assert_ne!(
        params("tools/list", json!({})),
        params("tools/list", json!({"cursor": ""}))
    );
}

#[test]
fn equal_params_give_equal_bytes_and_others_do_not() {
    let same = [
        (
            "tools/call",
            json!({"name": "x", "arguments": {"a": 1, "b": {"c": 1, "d": 2}}}),
            json!({"arguments": {"b": {"d": 2, "c": 1}, "a": 1}, "name": "x", "_meta": {}}),
        ),
        (
            "prompts/get",
            json!({"name": "x", "arguments": {"a": "1", "b": "2", "c": "3"}}),
            json!({"name": "x", "arguments": {"c": "3", "b": "2", "a": "1"}}),
        ),
        (
            "vendor/x",
            json!({"a": 1, "_meta": {"k": 1}}),
            json!({"a": 1}),
        ),
    ];
    for (method, one, other) in same {
        assert_eq!(params(method, one), params(method, other), "{method}");
    }
    let reference = |kind: &str, key: &str| json!({"type": kind, key: "x"});
    let complete = |reference: Value, value: &str, context: Value| json!({"ref": reference, "argument": {"name": "n", "value": value}, "context": context});
    let prompt = || reference("ref/prompt", "name");
    let different = [
        (
            "tools/call",
            json!({"name": "x"}),
            json!({"name": "x", "arguments": {}}),
        ),
        (
            "tools/call",
            json!({"name": "x"}),
            json!({"name": "x", "task": {}}),
        ),
        (
            "tools/call",
            json!({"name": "x"}),
            json!({"name": "x", "requestState": "s"}),
        ),
        (
            "completion/complete",
            complete(prompt(), "v", json!({})),
            complete(prompt(), "w", json!({})),
        ),
        (
            "completion/complete",
            complete(prompt(), "v", json!({})),
            complete(reference("ref/resource", "uri"), "v", json!({})),
        ),
        (
            "completion/complete",
            complete(prompt(), "v", json!({})),
            complete(prompt(), "v", json!({"arguments": {"a": "b"}})),
        ),
        (
            "logging/setLevel",
            json!({"level": "debug"}),
            json!({"level": "info"}),
        ),
        (
            "tasks/cancel",
            json!({"taskId": "t"}),
            json!({"taskId": "t", "reason": "r"}),
        ),
        (
            "tasks/update",
            json!({"taskId": "t", "inputResponses": {}}),
            json!({"taskId": "t", "inputResponses": {"a": 1}}),
        ),
        (
            "subscriptions/listen",
            json!({"notifications": {"toolsListChanged": true}}),
            json!({"notifications": {"promptsListChanged": true}}),
        ),
        ("vendor/x", json!({"a": 1}), json!({"a": 2})),
    ];
    for (method, one, other) in different {
        assert_ne!(
            params(method, one.clone()),
            params(method, other),
            "{method} {one}"
        );
    }
}

#[test]
fn the_arguments_of_a_prompt_are_a_map() {
    let prompt = request(
        "prompts/get",
        json!({"name": "greet", "arguments": {"name": "Ada"}}),
    );
    assert_eq!(prompt.arguments().get("name"), Some(&json!("Ada")));
}

#[test]
fn continuations_are_told() {
    for params in [
        json!({"name": "x", "uri": "a:b", "requestState": "s"}),
        json!({"name": "x", "uri": "a:b", "inputResponses": {}}),
    ] {
        for method in ["tools/call", "prompts/get", "resources/read", "vendor/x"] {
            assert!(
                request(method, params.clone()).is_continuation(),
                "{method}"
            );
        }
    }
    assert!(!request("tools/call", json!({"name": "x"})).is_continuation());
}

#[test]
fn the_state_that_a_caller_sends_back_is_found_in_every_request_that_may_have_one() {
    let params = json!({"name": "x", "uri": "a:b", "requestState": "s"});
    for method in ["tools/call", "prompts/get", "resources/read", "vendor/x"] {
        let continuation = request(method, params.clone());
        assert_eq!(continuation.request_state(), Some("s"), "{method}");
    }
    let first = request("tools/call", json!({"name": "x"}));
    assert_eq!(first.request_state(), None);
}

#[test]
fn a_listen_request_names_its_resources() {
    let filter = json!({"notifications": {"resourceSubscriptions": ["a:b", "c:d"]}});
    let mut uris = Vec::new();
    request("subscriptions/listen", filter)
        .visit_subscriptions(&mut |uri| uris.push(uri.to_owned()));
    assert_eq!(uris, ["a:b", "c:d"]);
}

#[test]
fn a_principal_among_the_extensions_is_that_of_the_context() {
    let ada = Principal::new("ada", Authentication::Local);
    let bob = Principal::new("bob", Authentication::Local);
    let mut inner = request("ping", json!({})).into_inner();
    inner.extensions.insert(ada);
    let found = TowerMcpRequest::new(inner.clone());
    assert_eq!(found.context().principal().unwrap().subject(), "ada");
    inner.extensions.insert(Arc::new(bob));
    let found = TowerMcpRequest::new(inner);
    assert_eq!(found.context().principal().unwrap().subject(), "bob");
    assert_eq!(
        found.extension::<Arc<Principal>>().unwrap().subject(),
        "bob"
    );
}

#[test]
fn a_copy_has_the_context_and_the_extensions() {
    let mut call = request("tools/call", json!({"name": "x"}));
    call.context_mut().set_repeated();
    assert!(call.insert_extension(7_u8));
    let copy = call.try_clone().unwrap();
    assert!(copy.context().is_repeated());
    assert_eq!(copy.extension::<u8>(), Some(&7));
    assert_eq!(copy.target(), Some("x"));
}

#[tokio::test]
async fn waiting_for_the_cancellation_waits_for_the_handlers_token() {
    let call = request("tools/call", json!({"name": "x"}));
    let cancelled = call.cancelled();
    let inner = call.into_inner();
    let token = inner
        .extensions
        .get::<tower_mcp::context::CancellationToken>()
        .unwrap();
    token.cancel();
    cancelled.await;
}

type Seen = Arc<Mutex<Vec<(Option<String>, Option<String>, String)>>>;

#[tokio::test]
async fn later_requests_know_what_the_handshake_settled() {
    let seen = Seen::default();
    let record = seen.clone();
    let stack = ServiceBuilder::new().map_request(move |request: TowerMcpRequest| {
        let mut capabilities = Vec::new();
        request.write_client_capabilities(&mut capabilities);
        record.lock().unwrap().push((
            request.protocol_version().map(std::borrow::Cow::into_owned),
            request
                .client_info()
                .map(|info| format!("{} {}", info.name, info.version)),
            String::from_utf8(capabilities).unwrap(),
        ));
        request
    });
    let router = router();
    let service = layered(stack.into_inner()).layer(router.clone());
    let mut client = Client::legacy(&router, service).await;
    client.call("echo").await;
    let seen = seen.lock().unwrap();
    let client = Some("client 7".to_owned());
    assert_eq!(seen[0], (None, client.clone(), String::new()));
    let capabilities = r#"{"roots":{"listChanged":false}}"#.to_owned();
    assert_eq!(
        seen[1],
        (Some("2025-06-18".to_owned()), client, capabilities)
    );
}
