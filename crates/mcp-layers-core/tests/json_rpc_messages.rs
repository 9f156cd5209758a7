//! Parsing of messages, and the answers to invalid ones.
#![allow(clippy::unwrap_used)]

use mcp_layers_core::{
    JsonRpcRequest, McpError, McpNotification, McpRequest, Method,
    json_rpc::{JsonRpcId, JsonRpcMessage, JsonRpcNotification, ParseError},
    request::RequestId,
};
use serde_json::{Value, json};

fn request(message: Value) -> JsonRpcRequest {
    match JsonRpcMessage::from_value(message) {
        Ok(JsonRpcMessage::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn notification(message: Value) -> JsonRpcNotification {
    match JsonRpcMessage::from_value(message) {
        Ok(JsonRpcMessage::Notification(notification)) => notification,
        other => panic!("{other:?}"),
    }
}

fn refused(message: Value) -> ParseError {
    JsonRpcMessage::from_value(message).unwrap_err()
}

/// The id and the code of the answer to a message.
fn answer(message: Value) -> (Value, i32) {
    let error = refused(message);
    let answer = error.to_value();
    assert_eq!(answer["jsonrpc"], "2.0");
    assert_eq!(answer["error"]["message"], *error.error().message);
    assert_eq!(answer["error"]["code"], error.error().code);
    assert_eq!(answer["error"].as_object().unwrap().len(), 2);
    (answer["id"].clone(), error.error().code)
}

#[test]
fn bytes_that_are_no_json_are_a_parse_error_without_an_id() {
    let deep = "[".repeat(100_000);
    for bytes in [
        &b""[..],
        b"{",
        b"\xff\xfe",
        br#"{"jsonrpc":"2.0","id":1,"method":"ping"} x"#,
        deep.as_bytes(),
    ] {
        let error = JsonRpcMessage::parse(bytes).unwrap_err();
        assert_eq!(error.error().code, -32700);
        assert_eq!(error.to_value()["id"], Value::Null);
        assert_eq!(McpError::from(error.clone()), *error.error());
    }
}

#[test]
fn batches_and_other_values_are_no_messages() {
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    for message in [
        json!([ping]),
        json!([]),
        json!("ping"),
        json!(1),
        json!(null),
    ] {
        assert_eq!(answer(message), (Value::Null, -32600));
    }
}

#[test]
fn a_request_keeps_its_id_method_and_params() {
    let params = json!({"name": "echo", "arguments": {"a": 1}, "_meta": {"x": 1}});
    let parsed =
        request(json!({"jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": params}));
    assert_eq!(*parsed.id(), JsonRpcId::from("a"));
    assert_eq!(McpRequest::id(&parsed), Some(RequestId::String("a")));
    assert_eq!(McpRequest::method(&parsed), Method::CallTool);
    assert_eq!(*parsed.params(), params);
    assert_eq!(parsed.target(), Some("echo"));
}

#[test]
fn an_unknown_method_and_unknown_fields_pass() {
    let parsed = request(
        json!({"jsonrpc": "2.0", "id": 1, "method": "x/y", "params": {"z": 1}, "more": true}),
    );
    assert_eq!(McpRequest::method(&parsed), Method::Other("x/y"));
    assert_eq!(parsed.arguments().get("z"), Some(&json!(1)));
}

#[test]
fn an_id_is_a_string_or_an_integer() {
    for id in [
        json!(0),
        json!(-1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("1"),
    ] {
        let parsed = request(json!({"jsonrpc": "2.0", "id": id, "method": "ping"}));
        assert_eq!(serde_json::to_value(parsed.id()).unwrap(), id);
    }
    for id in [
        json!(null),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!([1]),
        json!({}),
        json!(true),
    ] {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
        assert_eq!(answer(message), (Value::Null, -32600), "{id}");
    }
    let huge = br#"{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"ping"}"#;
    assert_eq!(
        JsonRpcMessage::parse(huge).unwrap_err().error().code,
        -32600
    );
}

#[test]
fn a_broken_request_is_answered_under_its_id() {
    for message in [
        json!({"id": 7, "method": "ping"}),
        json!({"jsonrpc": "1.0", "id": 7, "method": "ping"}),
        json!({"jsonrpc": 2.0, "id": 7, "method": "ping"}),
        json!({"jsonrpc": "2.0", "id": 7}),
        json!({"jsonrpc": "2.0", "id": 7, "method": 1}),
        json!({"jsonrpc": "2.0", "id": 7, "method": "ping", "params": []}),
    ] {
        assert_eq!(answer(message), (json!(7), -32600));
    }
}

#[test]
fn a_notification_is_read_and_never_refused_for_its_params() {
    let updated = notification(
        json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "a"}}),
    );
    assert_eq!(McpNotification::method(&updated), Method::ResourceUpdated);
    assert_eq!(updated.resource_uri(), Some("a"));
    let bare = notification(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    assert_eq!((&bare.params, bare.resource_uri()), (&Value::Null, None));
    for params in [json!([]), json!(null), json!("a"), json!({"uri": 1})] {
        let odd = notification(
            json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": params}),
        );
        assert_eq!((odd.resource_uri(), &odd.params), (None, &params));
    }
}

#[test]
fn only_an_updated_resource_has_a_uri() {
    let other = notification(
        json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"uri": "a"}}),
    );
    assert_eq!(other.resource_uri(), None);
}

#[test]
fn an_answer_to_the_server_is_told_from_a_request() {
    for message in [
        json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": ""}}),
        json!({"jsonrpc": "2.0", "id": null, "error": {"code": 1, "message": ""}}),
    ] {
        match JsonRpcMessage::from_value(message.clone()) {
            Ok(JsonRpcMessage::Response(response)) => assert_eq!(response, message),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_broken_answer_is_not_answered_under_its_id() {
    for message in [
        json!({"id": 1, "result": {}}),
        json!({"id": 1, "error": {}}),
    ] {
        assert_eq!(answer(message), (Value::Null, -32600));
    }
}
