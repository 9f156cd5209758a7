//! Secrets that callers and servers send are in no part of a span.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{Sdk, attributes, exchange};
use mcp_layers_core::{Authentication, JsonRpcRequest, McpError, McpRequest, Principal};
use mcp_layers_redact::Redactor;
use mcp_layers_test::{Answer, results};
use mcp_layers_trace::{Capture, DigestKey, SessionId, TraceLayer};
use serde_json::json;

const SECRET: &str = "hunter2";

/// Requests with the secret wherever a caller can put one.
fn requests() -> Vec<JsonRpcRequest> {
    let mut requests: Vec<_> = [
        (
            "tools/call",
            json!({ "name": SECRET, "arguments": { "password": SECRET } }),
        ),
        (
            "tools/call",
            json!({ "name": "echo", "arguments": { SECRET: SECRET } }),
        ),
        ("tools/call", json!({ "name": "echo", "arguments": SECRET })),
        (
            "prompts/get",
            json!({ "name": SECRET, "arguments": { "who": SECRET } }),
        ),
        (
            "completion/complete",
            json!({
                "ref": { "type": "ref/prompt", "name": SECRET },
                "argument": { "name": SECRET, "value": SECRET },
            }),
        ),
        (
            "resources/read",
            json!({ "uri": format!("https://u:{SECRET}@h/a?{SECRET}#{SECRET}") }),
        ),
        (
            "resources/read",
            json!({ "uri": format!("data:text/plain,{SECRET}") }),
        ),
        ("tasks/get", json!({ "taskId": SECRET })),
        (SECRET, json!({ SECRET: SECRET })),
        (
            "tools/call",
            json!({ "name": "echo", "_meta": {
            "traceparent": SECRET,
            "tracestate": SECRET,
            "baggage": format!("password={SECRET}"),
            "progressToken": SECRET,
            "io.modelcontextprotocol/protocolVersion": SECRET,
            "io.modelcontextprotocol/clientInfo": { "name": SECRET, "version": SECRET },
        } }),
        ),
    ]
    .into_iter()
    .map(|(method, params)| JsonRpcRequest::new(1, method).with_params(params))
    .collect();
    for request in &mut requests {
        let principal = Principal::new(SECRET, Authentication::Bearer)
            .with_client_id(SECRET)
            .with_tenant(SECRET)
            .with_credential_digest(SECRET.as_bytes());
        request.context_mut().set_principal(Arc::new(principal));
    }
    requests
}

fn answers() -> Vec<Answer> {
    vec![
        Answer::error(
            McpError::new(-32603, format!("connecting with password={SECRET}"))
                .with_data(json!(SECRET)),
        ),
        Answer::error(McpError::new(
            -32602,
            format!("no access with api_key={SECRET}"),
        )),
        Answer::tool_error(SECRET),
        Answer::fail(SECRET),
        Answer::panic(SECRET),
    ]
}

#[test]
fn a_planted_secret_is_nowhere() {
    let sdk = Sdk::new();
    let key = || DigestKey::new(SECRET.repeat(3)).unwrap();
    let capture = || Capture::new().arguments("echo", ["password", "text"]);
    let all = |layer: TraceLayer| {
        layer
            .baggage()
            .uri_in_name()
            .client_address()
            .session_id(SessionId::Digest(key()))
            .principal_digest(key())
            .capture(capture())
    };
    for layer in [sdk.server(), all(sdk.server()), all(sdk.client())] {
        assert!(!format!("{layer:?}").contains(SECRET));
        for request in requests() {
            for answer in answers() {
                exchange(&layer, request.clone(), answer);
                let span = format!("{:?}", sdk.only());
                assert!(!span.contains(SECRET), "{span}");
            }
        }
    }
}

#[test]
fn only_what_is_allowed_is_captured() {
    let sdk = Sdk::new();
    let arguments = json!({ "query": "cats", "limit": 3, "token": SECRET, "other": SECRET });
    let request = || JsonRpcRequest::call_tool(1, "search", arguments.clone());
    let answer = || Answer::result(results::text("password=hunter2 and cats"));
    let found = |capture| {
        exchange(&sdk.server().capture(capture), request(), answer());
        attributes(&sdk.only())
    };
    let none = found(Capture::new().arguments("other", ["query"]).result("other"));
    assert!(!none.contains_key("gen_ai.tool.call.arguments"));
    assert!(!none.contains_key("gen_ai.tool.call.result"));

    let list = || Capture::new().arguments("search", ["query", "limit", "token", "absent"]);
    let some = found(list().result("search"));
    let shown: serde_json::Value =
        serde_json::from_str(&some["gen_ai.tool.call.arguments"]).unwrap();
    assert_eq!(
        shown,
        json!({ "query": "cats", "limit": 3, "token": "[secret]" })
    );
    let result = &some["gen_ai.tool.call.result"];
    assert!(result.contains("[secret] and cats"), "{result}");

    let cut = found(list().max_bytes(10).unwrap().result("search"));
    assert_eq!(cut["gen_ai.tool.call.arguments"].len(), 10);
    assert_eq!(cut["gen_ai.tool.call.result"].len(), 10);
    assert!(Capture::new().max_bytes(0).is_err());

    let redactor = Redactor::none().pattern("animal", "cats").unwrap();
    let own = found(list().redactor(redactor));
    assert!(own["gen_ai.tool.call.arguments"].contains("[animal]"));
}

#[test]
fn prompt_variables_are_captured_one_by_one() {
    let sdk = Sdk::new();
    let layer = sdk
        .server()
        .capture(Capture::new().prompt_variables("greet", ["who", "n"]));
    let arguments = json!({ "who": "Ada", "n": 2, "other": SECRET });
    let request = mcp_layers_test::requests::get_prompt(1, "greet", arguments);
    exchange(&layer, request, Answer::plausible());
    let found = attributes(&sdk.only());
    assert_eq!(found["gen_ai.prompt.variable.who"], "Ada");
    assert_eq!(found["gen_ai.prompt.variable.n"], "2");
    assert!(!found.contains_key("gen_ai.prompt.variable.other"));
}
