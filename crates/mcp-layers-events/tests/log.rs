//! The `tracing` events, read as JSON lines.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;

use futures::executor::block_on;
use mcp_layers_core::{Event, JsonRpcRequest, JsonRpcResponse, McpError, McpResponse};
use mcp_layers_events::EventsLayer;
use mcp_layers_test::Log;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

/// Level, target and fields of the log lines of one call, and all of its text.
fn logged(method: &'static str, events: Vec<Event>) -> (Vec<(String, String, Value)>, String) {
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || written.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let service = EventsLayer::new().layer(service_fn(move |request: JsonRpcRequest| {
            let mut response = JsonRpcResponse::success(&request, json!({}));
            events
                .iter()
                .for_each(|event| response.trail_mut().push(event.clone()));
            std::future::ready(Ok::<_, Infallible>(response))
        }));
        block_on(service.oneshot(JsonRpcRequest::new(1, method))).unwrap();
    });
    let text = log.text();
    let lines = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
        (
            text(&line, "level"),
            text(&line, "target"),
            line["fields"].take(),
        )
    });
    (lines.collect(), text)
}

#[test]
fn a_decision_is_logged_with_its_rule_and_method() {
    let rule = "reports".into();
    let (lines, _) = logged("tools/call", vec![Event::Denied { rule }]);
    let fields = json!({ "event": "denied", "rule": "reports", "method": "tools/call" });
    let line = ("INFO".to_owned(), "mcp_layers::events".to_owned(), fields);
    assert_eq!(lines, [line]);
}

#[test]
fn neither_invented_methods_nor_texts_of_errors_are_logged() {
    let events = vec![
        Event::Masked {
            error_id: "4711".into(),
            original: Box::new(McpError::new(-32603, "secret")),
        },
        Event::Panicked {
            message: "secret".into(),
        },
        Event::Failed {
            cause: "secret".into(),
        },
    ];
    let (lines, text) = logged("secret/method", events);
    let levels: Vec<_> = lines.iter().map(|(level, ..)| &**level).collect();
    assert_eq!(levels, ["INFO", "WARN", "WARN"]);
    assert_eq!(lines[0].2["error_id"], "4711");
    assert_eq!(lines[0].2["method"], "_OTHER");
    assert!(!text.contains("secret"), "{text}");
}
