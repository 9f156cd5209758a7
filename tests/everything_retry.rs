//! `everything --with retry,circuit-breaker`, driven by rmcp's own client.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use rmcp::{model::CallToolRequestParams, service::ServiceError};
use serde_json::{Value, json};
use support::client::{Client, call, connect, lifecycles, stdio};

async fn error(client: &Client, tool: &str, arguments: Value) -> rmcp::ErrorData {
    let arguments = arguments.as_object().unwrap().clone();
    let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    match client.call_tool(params).await {
        Err(ServiceError::McpError(error)) => error,
        other => panic!("{tool}: {other:?}"),
    }
}

async fn with(layers: &str) {
    for lifecycle in lifecycles() {
        let (client, _) = connect(stdio(&["--with", layers]), lifecycle).await;
        let twice = json!({ "key": "a", "failures": 2 });
        assert_eq!(call(&client, "flaky", twice.clone()).await, "3");

        let write = error(&client, "flaky_write", twice.clone()).await;
        assert_eq!(write.code.0, -32603);
        let expected = json!({ "runs": 1, "outcome": "unknown" });
        assert_eq!(write.data.as_ref(), Some(&expected));
        assert!(write.message.contains("outcome is unknown"), "{write:?}");
        assert_eq!(
            error(&client, "flaky_write", twice).await.data.unwrap()["runs"],
            2
        );

        for runs in ["1", "2", "3"] {
            assert_eq!(call(&client, "count", Value::Null).await, runs);
        }

        for _ in 0..5 {
            let failed = error(&client, "fail", json!({ "message": "no" })).await;
            assert_eq!(failed.code.0, -32603);
        }
        let refused = error(&client, "fail", json!({ "message": "no" })).await;
        assert_eq!(refused.code.0, 503);
        let data = refused.data.unwrap();
        assert_eq!(
            (&data["reason"], data.get("outcome")),
            (&json!("circuit_open"), None)
        );
        assert!(data["retryAfterMs"].as_u64().unwrap() > 0);
        for text in ["go", "on"] {
            assert_eq!(call(&client, "echo", json!({ "text": text })).await, text);
        }
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn retries_what_is_safe_and_opens_the_circuit_of_what_fails() {
    with("retry,circuit-breaker").await;
    with("timing,retry,circuit-breaker,timeout").await;
}
