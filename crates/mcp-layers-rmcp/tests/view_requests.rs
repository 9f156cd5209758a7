//! The views of rmcp's requests.
#![cfg(all(feature = "client", feature = "rmcp-3-9"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

use mcp_layers_core::{ListedKind, McpRequest, Method};
use mcp_layers_rmcp::UpstreamRequest;
use rmcp::model::ClientRequest;
use serde_json::{Value, json};

fn request(method: &str, params: &Value) -> UpstreamRequest {
    let request: ClientRequest =
        serde_json::from_value(json!({ "method": method, "params": params })).unwrap();
    UpstreamRequest::new(request)
}

/// A method, its params, its target, and other values for each param that tells requests apart.
struct Row {
    method: &'static str,
    params: Value,
    target: Option<&'static str>,
    others: Vec<Value>,
    custom: bool,
}

fn row(
    method: &'static str,
    params: Value,
    target: impl Into<Option<&'static str>>,
    others: impl IntoIterator<Item = Value>,
) -> Row {
    Row {
        method,
        params,
        target: target.into(),
        others: others.into_iter().collect(),
        custom: false,
    }
}

fn list(method: &'static str) -> Row {
    let others = [json!({ "cursor": "" }), json!({ "cursor": "x" })];
    row(method, json!({}), None, others)
}

/// The params that distinguish the rounds of one request.
fn rounds(params: &Value) -> [Value; 3] {
    let with = |key: &str, value: Value| {
        let mut params = params.clone();
        params[key] = value;
        params
    };
    [
        with("inputResponses", json!({})),
        with("inputResponses", json!({ "a": { "action": "accept" } })),
        with("requestState", json!("state")),
    ]
}

fn call(method: &'static str) -> Row {
    let params = json!({ "name": "n", "arguments": { "a": 1, "b": "x" } });
    let mut others = vec![
        json!({ "name": "m", "arguments": { "a": 1, "b": "x" } }),
        json!({ "name": "n", "arguments": { "a": 2, "b": "x" } }),
        json!({ "name": "n", "arguments": {} }),
        json!({ "name": "n" }),
    ];
    others.extend(rounds(&params));
    row(method, params, "n", others)
}

fn complete() -> Row {
    let of = |reference: Value, argument: &str, value: &str, context: Value| {
        json!({
            "ref": reference,
            "argument": { "name": argument, "value": value },
            "context": { "arguments": context },
        })
    };
    let prompt = || json!({ "type": "ref/prompt", "name": "p" });
    let others = [
        of(
            json!({ "type": "ref/prompt", "name": "q" }),
            "a",
            "v",
            json!({}),
        ),
        of(
            json!({ "type": "ref/resource", "uri": "p" }),
            "a",
            "v",
            json!({}),
        ),
        of(prompt(), "b", "v", json!({})),
        of(prompt(), "a", "w", json!({})),
        of(prompt(), "a", "v", json!({ "x": "y" })),
    ];
    row(
        "completion/complete",
        of(prompt(), "a", "v", json!({})),
        "p",
        others,
    )
}

fn initialize() -> Row {
    let of = |version: &str, name: &str, capabilities: Value| {
        json!({
            "protocolVersion": version,
            "clientInfo": { "name": name, "version": "1" },
            "capabilities": capabilities,
        })
    };
    let others = [
        of("2025-06-18", "c", json!({})),
        of("2025-11-25", "d", json!({})),
        of("2025-11-25", "c", json!({ "sampling": {} })),
    ];
    row("initialize", of("2025-11-25", "c", json!({})), None, others)
}

/// Every request of rmcp, and what it takes for custom ones.
fn table() -> Vec<Row> {
    let uri = |method| row(method, json!({ "uri": "u" }), "u", [json!({ "uri": "v" })]);
    let task = |method| {
        row(
            method,
            json!({ "taskId": "t" }),
            "t",
            [json!({ "taskId": "s" })],
        )
    };
    let mut read = uri("resources/read");
    read.others.extend(rounds(&read.params));
    let mut directory = uri("resources/directory/read");
    directory.others.push(json!({ "uri": "u", "cursor": "" }));
    directory.others.push(json!({ "uri": "u", "cursor": "x" }));
    let update = row(
        "tasks/update",
        json!({ "taskId": "t", "inputResponses": {} }),
        "t",
        [
            json!({ "taskId": "s", "inputResponses": {} }),
            json!({ "taskId": "t", "inputResponses": { "a": 1 } }),
        ],
    );
    let listen = row(
        "subscriptions/listen",
        json!({ "notifications": { "toolsListChanged": true } }),
        None,
        [
            json!({ "notifications": {} }),
            json!({ "notifications": { "resourceSubscriptions": ["a"] } }),
        ],
    );
    let level = json!({ "level": "debug" });
    let mut rows = vec![
        row("ping", json!({}), None, []),
        initialize(),
        row("server/discover", json!({}), None, []),
        complete(),
        row(
            "logging/setLevel",
            level,
            None,
            [json!({ "level": "error" })],
        ),
        call("prompts/get"),
        list("prompts/list"),
        list("resources/list"),
        list("resources/templates/list"),
        read,
        listen,
        uri("resources/subscribe"),
        uri("resources/unsubscribe"),
        call("tools/call"),
        list("tools/list"),
        task("tasks/get"),
        update,
        task("tasks/cancel"),
        list("skills/list"),
        uri("skills/get"),
        directory,
    ];
    let custom = [
        row(
            "vendor/method",
            json!({ "x": 1 }),
            None,
            [json!({ "x": 2 }), json!({})],
        ),
        task("tasks/result"),
        list("tasks/list"),
        row(
            "tools/call",
            json!({ "name": "n", "arguments": "unreadable" }),
            "n",
            [json!({ "name": "m", "arguments": "unreadable" })],
        ),
    ];
    rows.extend(custom.map(|row| Row {
        custom: true,
        ..row
    }));
    rows
}

fn bytes(method: &str, params: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    request(method, params).write_params(&mut out);
    out
}

#[test]
fn every_request_has_its_method_and_target() {
    for row in table() {
        let request = request(row.method, &row.params);
        let custom = matches!(request.request(), ClientRequest::CustomRequest(_));
        assert_eq!(custom, row.custom, "{}", row.method);
        assert_eq!(request.method(), Method::new(row.method));
        assert_eq!(request.target(), row.target, "{}", row.method);
        let kind = match row.method {
            "completion/complete" => Some(ListedKind::Prompt),
            method => Method::new(method).target_kind(),
        };
        assert_eq!(request.target_kind(), kind, "{}", row.method);
    }
}

#[test]
fn params_that_tell_requests_apart_give_other_bytes() {
    for row in table() {
        let mut all = row.others.clone();
        all.push(row.params.clone());
        for (index, one) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                let (a, b) = (bytes(row.method, one), bytes(row.method, other));
                assert_ne!(a, b, "{} {one} {other}", row.method);
            }
        }
    }
}

#[test]
fn meta_and_the_order_of_keys_give_the_same_bytes() {
    for row in table() {
        let mut params = json!({ "_meta": { "progressToken": 7 } });
        let reversed: Vec<_> = row.params.as_object().unwrap().iter().rev().collect();
        for (key, value) in reversed {
            params[key] = value.clone();
        }
        let plain = bytes(row.method, &row.params);
        assert_eq!(bytes(row.method, &params), plain, "{}", row.method);
        let with_meta = request(row.method, &params);
        assert_eq!(
            with_meta.progress_token(),
            Some(&json!(7)),
            "{}",
            row.method
        );
    }
}

#[test]
fn an_empty_cursor_is_a_cursor() {
    for method in ["tools/list", "resources/list", "skills/list", "tasks/list"] {
        assert_eq!(request(method, &json!({})).cursor(), None);
        assert_eq!(request(method, &json!({ "cursor": "" })).cursor(), Some(""));
    }
}

#[test]
fn only_later_rounds_are_continuations() {
    for row in table() {
        let first = request(row.method, &row.params).is_continuation();
        assert_eq!(first, row.method == "tasks/update", "{}", row.method);
        for other in row.others {
            let later =
                other.get("inputResponses").is_some() || other.get("requestState").is_some();
            assert_eq!(
                request(row.method, &other).is_continuation(),
                later,
                "{other}"
            );
        }
    }
}
