//! The view that layers have of a JSON-RPC request, and the cost of a clone.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mcp_layers_core::{
    Arguments, Authentication, JsonRpcRequest, McpRequest, Method, Principal,
    request::ReplayRequest,
    request::{Transport, meta_key},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

fn with(method: &'static str, params: Value) -> JsonRpcRequest {
    JsonRpcRequest::new(1, method).with_params(params)
}

#[test]
fn a_target_is_what_the_request_is_about() {
    let params = json!({
        "name": "n", "uri": "u", "taskId": "t",
        "ref": {"type": "ref/prompt", "name": "p"},
    });
    for (method, target) in [
        ("tools/call", Some("n")),
        ("prompts/get", Some("n")),
        ("resources/read", Some("u")),
        ("resources/subscribe", Some("u")),
        ("resources/unsubscribe", Some("u")),
        ("tasks/get", Some("t")),
        ("tasks/result", Some("t")),
        ("tasks/update", Some("t")),
        ("tasks/cancel", Some("t")),
        ("completion/complete", Some("p")),
        ("tools/list", None),
        ("vendor/x", None),
    ] {
        assert_eq!(with(method, params.clone()).target(), target, "{method}");
    }
    assert_eq!(with("tools/call", json!({"name": 1})).target(), None);
    assert_eq!(with("tools/call", json!(["n"])).target(), None);
}

#[test]
fn a_completion_has_the_target_that_its_reference_says_by_type() {
    for (reference, target) in [
        (json!({"type": "ref/prompt", "name": "p"}), Some("p")),
        (json!({"type": "ref/resource", "uri": "u"}), Some("u")),
        (
            json!({"type": "ref/resource", "name": "p", "uri": "u"}),
            Some("u"),
        ),
        (
            json!({"type": "ref/prompt", "name": "p", "uri": "u"}),
            Some("p"),
        ),
        (json!({"type": "ref/prompt", "uri": "u"}), None),
        (json!({"type": "ref/other", "name": "p"}), None),
        (json!({"name": "p"}), None),
        (json!("p"), None),
    ] {
        let request = with("completion/complete", json!({"ref": reference}));
        assert_eq!(request.target(), target, "{reference}");
    }
}

#[test]
fn the_kind_of_a_target_follows_from_the_method_or_the_reference() {
    use mcp_layers_core::ListedKind;
    for (method, params, kind) in [
        ("tools/call", json!({"name": "n"}), Some(ListedKind::Tool)),
        (
            "prompts/get",
            json!({"name": "n"}),
            Some(ListedKind::Prompt),
        ),
        (
            "resources/subscribe",
            json!({"uri": "u"}),
            Some(ListedKind::Resource),
        ),
        (
            "tasks/result",
            json!({"taskId": "t"}),
            Some(ListedKind::Task),
        ),
        ("skills/get", json!({"uri": "u"}), Some(ListedKind::Skill)),
        ("tools/list", json!({}), None),
        ("vendor/thing", json!({"name": "n"}), None),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "p", "uri": "u"}}),
            Some(ListedKind::Prompt),
        ),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/resource", "uri": "u"}}),
            Some(ListedKind::ResourceTemplate),
        ),
        ("completion/complete", json!({"ref": {"name": "p"}}), None),
    ] {
        assert_eq!(
            with(method, params.clone()).target_kind(),
            kind,
            "{method} {params}"
        );
    }
}

#[test]
fn arguments_are_borrowed_as_they_came() {
    let none = with("tools/call", json!({"name": "n"}));
    assert!(matches!(none.arguments(), Arguments::None));
    let map = JsonRpcRequest::call_tool(1, "n", json!({"a": 1}));
    assert!(matches!(map.arguments(), Arguments::Map(map) if map.len() == 1));
    let odd = JsonRpcRequest::call_tool(1, "n", json!([1]));
    assert!(matches!(odd.arguments(), Arguments::Value(Value::Array(_))));
    let known = with("tools/list", json!({"arguments": {"a": 1}}));
    assert!(matches!(known.arguments(), Arguments::None));
    let vendor = with("vendor/x", json!({"a": 1}));
    assert!(matches!(
        vendor.arguments(),
        Arguments::Value(Value::Object(_))
    ));
    assert!(JsonRpcRequest::new(1, "vendor/x").arguments().is_empty());
}

#[test]
fn the_version_is_the_requests_own_or_else_the_negotiated_one() {
    let own = json!({"_meta": {meta_key::PROTOCOL_VERSION: "2026-07-28"}});
    let legacy = JsonRpcRequest::new(1, "ping").with_protocol_version("2025-11-25");
    assert_eq!(legacy.protocol_version().unwrap(), "2025-11-25");
    assert!(!legacy.is_modern());
    let modern = legacy.with_params(own);
    assert_eq!(modern.protocol_version().unwrap(), "2026-07-28");
    assert!(modern.is_modern());
    assert!(!JsonRpcRequest::new(1, "ping").is_modern());
    let odd = with("ping", json!({"_meta": {meta_key::PROTOCOL_VERSION: 2026}}));
    assert_eq!(odd.protocol_version(), None);
}

#[test]
fn what_a_client_declared_holds_where_the_request_is_silent() {
    let declared = json!({
        "io.modelcontextprotocol/clientInfo": { "name": "declared", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": { "roots": {} },
    });
    let declared = Arc::new(declared.as_object().unwrap().clone());
    let silent = JsonRpcRequest::new(1, "tools/list").with_declared(declared.clone());
    assert_eq!(silent.client_info().unwrap().name, "declared");
    let mut capabilities = Vec::new();
    silent.write_client_capabilities(&mut capabilities);
    assert_eq!(capabilities, br#"{"roots":{}}"#);
    assert!(silent.params().is_null(), "it is not sent");

    let own = json!({ "_meta": { "io.modelcontextprotocol/clientInfo": { "name": "own" } } });
    let own = silent.with_params(own);
    assert_eq!(own.client_info().unwrap().name, "own");
}

#[test]
fn meta_gives_the_client_its_capabilities_and_the_progress_token() {
    let request = with(
        "ping",
        json!({"_meta": {
            meta_key::CLIENT_INFO: {"name": "c", "version": "1"},
            meta_key::CLIENT_CAPABILITIES: {"b": {}, "a": {}},
            meta_key::PROGRESS_TOKEN: "t",
        }}),
    );
    let info = request.client_info().unwrap();
    assert_eq!((&*info.name, &*info.version), ("c", "1"));
    let mut capabilities = Vec::new();
    request.write_client_capabilities(&mut capabilities);
    assert_eq!(capabilities, br#"{"a":{},"b":{}}"#);
    assert_eq!(request.progress_token(), Some(&json!("t")));

    for meta in [
        json!(null),
        json!([]),
        json!({}),
        json!({meta_key::CLIENT_INFO: "c"}),
    ] {
        let request = with("ping", json!({"_meta": meta}));
        assert!(request.client_info().is_none() && request.progress_token().is_none());
        let mut capabilities = Vec::new();
        request.write_client_capabilities(&mut capabilities);
        assert!(capabilities.is_empty());
    }
}

#[test]
fn a_continuation_is_told_by_either_of_its_marks() {
    for (params, expected) in [
        (json!({}), false),
        (json!({"inputResponses": {}}), true),
        (json!({"requestState": ""}), true),
        (json!({"requestState": null}), true),
        (json!({"arguments": {"requestState": "x"}}), false),
    ] {
        assert_eq!(with("tools/call", params).is_continuation(), expected);
    }
}

#[test]
fn the_uris_of_a_subscription_are_visited() {
    let filter = json!({"notifications": {"resourceSubscriptions": ["a", 1, "b"]}});
    let mut uris = Vec::new();
    with("subscriptions/listen", filter).visit_subscriptions(&mut |uri| uris.push(uri.to_owned()));
    assert_eq!(uris, ["a", "b"]);
}

#[test]
fn the_cursor_is_a_text_or_none() {
    assert_eq!(with("tools/list", json!({"cursor": ""})).cursor(), Some(""));
    assert_eq!(with("tools/list", json!({"cursor": 1})).cursor(), None);
    assert_eq!(JsonRpcRequest::new(1, "tools/list").cursor(), None);
}

#[test]
fn a_clone_costs_no_allocation() {
    let mut request =
        JsonRpcRequest::call_tool("an id", "echo", json!({"text": "a".repeat(1_000)}))
            .with_protocol_version("2025-11-25".to_owned())
            .with_transport(Transport::Pipe);
    let principal = Principal::new("ada", Authentication::Bearer).with_scopes(["a", "b"]);
    request.context_mut().set_principal(Arc::new(principal));
    request.insert_extension(String::from("state"));
    let mut copies = [None, None];
    let cost = allocation_counter::measure(|| {
        copies = [Some(request.clone()), request.try_clone()];
    });
    assert_eq!(cost.count_total, 0);
    for copy in copies.iter().flatten() {
        assert_eq!(copy.params(), request.params());
        assert_eq!(copy.context().principal(), request.context().principal());
        assert_eq!(copy.extension::<String>().unwrap(), "state");
    }
}

#[test]
fn views_cost_no_allocation() {
    let request = JsonRpcRequest::call_tool(1, "echo", json!({"b": 1, "a": "x"}))
        .with_protocol_version("2026-07-28");
    let mut out = Vec::with_capacity(1_024);
    let cost = allocation_counter::measure(|| {
        assert_eq!(McpRequest::method(&request), Method::CallTool);
        assert_eq!(request.target(), Some("echo"));
        assert!(request.is_modern() && !request.is_continuation());
        assert!(request.client_info().is_none());
        let _ = request.reply_to();
    });
    assert_eq!(cost.count_total, 0);
    request.write_params(&mut out);
    assert!(!out.is_empty());
}

#[test]
fn extensions_and_context_are_a_clones_own() {
    let mut request = JsonRpcRequest::new(1, "ping");
    assert!(request.insert_extension(1_u8));
    let mut copy = request.clone();
    copy.insert_extension(2_u8);
    copy.insert_extension("more");
    copy.context_mut().set_repeated();
    assert_eq!(request.extension::<u8>(), Some(&1));
    assert_eq!(request.extension::<&str>(), None);
    assert!(!request.context().is_repeated());
    assert_eq!(copy.extension::<u8>(), Some(&2));
}

#[test]
fn cancellation_is_shared_by_clones_however_they_were_changed() {
    let request = JsonRpcRequest::new(1, "ping");
    let copy = request.clone();
    let changed = copy.clone().with_params(json!({}));
    copy.cancellation().cancel();
    assert!(request.cancellation().is_cancelled());
    assert!(changed.cancellation().is_cancelled());

    let token = CancellationToken::new();
    let own = request.with_cancellation(token.clone());
    assert!(!own.cancellation().is_cancelled());
    token.cancel();
    assert!(own.cancellation().is_cancelled());
}

#[test]
fn a_request_says_how_it_came_in() {
    let request = JsonRpcRequest::new(1, "ping");
    assert_eq!(request.connection().transport, None);
    let request = request.with_transport(Transport::Tcp);
    assert_eq!(request.connection().transport, Some(Transport::Tcp));
    assert_eq!(request.connection().session_id, None);
    let mut of_http = http::Extensions::new();
    of_http.insert(7_u8);
    let request = request
        .with_http_version("2")
        .with_session_id("s")
        .with_peer_address([10, 0, 0, 1].into())
        .with_extensions(of_http);
    let connection = request.connection();
    assert_eq!(connection.transport, Some(Transport::Tcp));
    assert_eq!(connection.http_version, Some("2"));
    assert_eq!(connection.session_id, Some("s"));
    assert_eq!(connection.peer_address, Some([10, 0, 0, 1].into()));
    assert_eq!(request.extension(), Some(&7_u8));
}

#[test]
fn meta_that_a_layer_adds_is_seen_and_is_no_parameter() {
    for params in [json!(null), json!({}), json!({ "cursor": "c" })] {
        let mut request = with("tools/list", params);
        let written = |request: &JsonRpcRequest| {
            let mut out = Vec::new();
            request.write_params(&mut out);
            out
        };
        let before = written(&request);
        assert!(request.meta().is_none());
        let meta = request.meta_mut().unwrap();
        meta.insert("dev.example/mark".to_owned(), json!(1));
        assert_eq!(request.meta().unwrap()["dev.example/mark"], 1);
        assert_eq!(written(&request), before);
    }
}

#[test]
fn debug_shows_no_arguments() {
    let arguments = json!({ "password": "hunter2" });
    let request = JsonRpcRequest::call_tool(1, "login", arguments);
    let text = format!("{request:?}");
    assert!(
        text.contains("tools/call") && text.contains("login"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}
