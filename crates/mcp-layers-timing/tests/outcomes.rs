//! Attributes of each outcome.

mod common;

use common::{Attributes, Memory, call, client, exchange, server};
use mcp_layers_core::{BoxError, JsonRpcRequest, JsonRpcResponse, request::Transport};
use mcp_layers_timing::{Metric, TimingLayer};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

/// An outcome, with the type of the error and the status code that a server and a client record.
type Row = (Result<Value, i32>, Said, Said);
type Said = (Option<&'static str>, Option<&'static str>);

fn rows() -> Vec<Row> {
    let no_error = (None, None);
    let tool_error = (Some("tool_error"), None);
    let mut rows = vec![
        (Ok(json!({})), no_error, no_error),
        (Ok(json!({ "isError": false })), no_error, no_error),
        (Ok(json!({ "isError": true })), tool_error, tool_error),
        (Ok(json!({ "resultType": "task" })), no_error, no_error),
        (
            Ok(json!({ "resultType": "input_required" })),
            no_error,
            no_error,
        ),
    ];
    // Of the caller's making: the client alone says that they are errors.
    for (code, text) in [
        (-32700, "-32700"),
        (-32600, "-32600"),
        (-32601, "-32601"),
        (-32602, "-32602"),
        (-32002, "-32002"),
    ] {
        rows.push((Err(code), (None, Some(text)), (Some(text), Some(text))));
    }
    // Errors on both sides.
    for (code, error_type, status) in [
        (-32603, "-32603", "-32603"),
        (-32020, "-32020", "-32020"),
        (-32021, "-32021", "-32021"),
        (-32022, "-32022", "-32022"),
        (-32042, "-32042", "-32042"),
        (-32000, "-32000", "-32000"),
        (401, "401", "401"),
        (403, "403", "403"),
        (408, "408", "408"),
        (413, "413", "413"),
        (429, "429", "429"),
        (499, "cancelled", "499"),
        (503, "503", "503"),
        (504, "timeout", "504"),
        (7, "7", "7"),
    ] {
        let said = (Some(error_type), Some(status));
        rows.push((Err(code), said, said));
    }
    rows
}

fn said(attributes: &Attributes) -> (Option<&str>, Option<&str>) {
    let value = |name| attributes.get(name).map(String::as_str);
    (value("error.type"), value("rpc.response.status_code"))
}

fn check(make: fn() -> (TimingLayer, Memory), expected: fn(&Row) -> Said) {
    for row in rows() {
        let (layer, memory) = make();
        exchange(&layer, call("echo"), row.0.clone());
        assert_eq!(said(&memory.only()), expected(&row), "{:?}", row.0);
    }
}

#[test]
fn a_server_does_not_call_the_callers_errors_its_own() {
    check(server, |row| row.1);
}

#[test]
fn a_client_calls_every_code_an_error() {
    check(client, |row| row.2);
}

#[test]
fn an_error_of_the_service_itself_is_other() {
    for (layer, memory) in [server(), client()] {
        let service = layer.layer(service_fn(|_: JsonRpcRequest| async {
            Err::<JsonRpcResponse, BoxError>("connection reset".into())
        }));
        let error = futures::executor::block_on(service.oneshot(call("echo"))).unwrap_err();
        assert_eq!(error.to_string(), "connection reset");
        assert_eq!(said(&memory.only()), (Some("_OTHER"), None));
    }
}

#[test]
fn handles_of_tasks_and_questions_are_told_from_finished_work() {
    for (result, expected) in [
        (json!({}), None),
        (json!({ "resultType": "complete" }), None),
        (json!({ "isError": true }), None),
        (json!({ "resultType": "task" }), Some("task")),
        (
            json!({ "resultType": "input_required" }),
            Some("input_required"),
        ),
    ] {
        let (layer, memory) = server();
        exchange(&layer, call("echo"), Ok(result));
        let attributes = memory.only();
        let result_type = attributes.get("mcp_layers.result_type");
        assert_eq!(result_type.map(String::as_str), expected);
    }
}

#[test]
fn a_call_of_a_tool_has_these_attributes() {
    let (layer, memory) = server();
    let request = call("echo")
        .with_protocol_version("2025-11-25")
        .with_transport(Transport::Pipe);
    exchange(&layer, request, Ok(json!({})));
    let expected = [
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "echo"),
        ("mcp.method.name", "tools/call"),
        ("mcp.protocol.version", "2025-11-25"),
        ("network.transport", "pipe"),
    ];
    let expected = expected.map(|(name, value)| (name, value.to_owned()));
    assert_eq!(memory.only(), Attributes::from(expected));
}

#[test]
fn a_prompt_is_no_tool() {
    let (layer, memory) = server();
    let request = JsonRpcRequest::new(1, "prompts/get").with_params(json!({ "name": "greet" }));
    exchange(&layer, request, Ok(json!({})));
    let attributes = memory.only();
    assert_eq!(attributes["gen_ai.prompt.name"], "greet");
    assert!(!attributes.contains_key("gen_ai.tool.name"));
    assert!(!attributes.contains_key("gen_ai.operation.name"));
}

#[test]
fn a_resource_is_not_told() {
    let (layer, memory) = server();
    let request =
        JsonRpcRequest::new(1, "resources/read").with_params(json!({ "uri": "file:///secret" }));
    exchange(&layer, request, Ok(json!({})));
    let expected = [("mcp.method.name", "resources/read".to_owned())];
    assert_eq!(memory.only(), Attributes::from(expected));
}

#[test]
fn each_side_has_its_own_metrics_and_long_lived_requests_theirs() {
    for (pair, operation, subscription) in [
        (
            server(),
            Metric::ServerOperationDuration,
            Metric::ServerSubscriptionDuration,
        ),
        (
            client(),
            Metric::ClientOperationDuration,
            Metric::ClientSubscriptionDuration,
        ),
    ] {
        let (layer, memory) = pair;
        for (method, metric) in [
            ("tools/list", operation),
            ("ping", operation),
            ("subscriptions/listen", subscription),
            ("tasks/result", subscription),
        ] {
            exchange(&layer, JsonRpcRequest::new(1, method), Ok(json!({})));
            let all = memory.measurements();
            let of_method = |map: &Attributes| map["mcp.method.name"] == method;
            let found: Vec<_> = all.iter().filter(|(_, map, _)| of_method(map)).collect();
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].0, metric, "{method}");
        }
    }
}
