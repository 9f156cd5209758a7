//! The `proxy` example in front of `everything`, which is killed and started again.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::{process::Stdio, time::Duration};

use rmcp::{
    model::{CallToolRequestParams, ErrorData},
    service::ServiceError,
    transport::StreamableHttpClientTransport,
};
use serde_json::{Value, json};
use support::{
    PATIENCE, Server,
    client::{Client, connect, lifecycles, text},
    listening,
};
use tokio::{process::Command, time::timeout};

/// The proxy in front of an upstream; its circuit stays open for a moment only.
async fn proxy(upstream: &Server) -> Server {
    let command = Command::new(support::example("proxy"))
        .args([&upstream.url(), "127.0.0.1:0", "300"])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    listening(command.unwrap()).await
}

async fn call(client: &Client, tool: &str, arguments: Value) -> Result<String, ErrorData> {
    let mut params = CallToolRequestParams::new(tool.to_owned());
    if let Value::Object(arguments) = arguments {
        params = params.with_arguments(arguments);
    }
    match timeout(PATIENCE, client.call_tool(params))
        .await
        .expect(tool)
    {
        Ok(result) => Ok(text(&result)),
        Err(ServiceError::McpError(error)) => Err(error),
        Err(other) => panic!("{tool}: {other}"),
    }
}

/// Waits until a tool runs, by the metrics of the server.
async fn is_called(server: &Server) {
    let running = |line: &str| {
        line.starts_with("mcp_server_active_requests{")
            && line.contains("tools/call")
            && line.ends_with(" 1")
    };
    while !server.page("/metrics").await.lines().any(running) {}
}

fn data(error: &ErrorData, key: &str) -> Value {
    error
        .data
        .as_ref()
        .map_or(Value::Null, |data| data[key].clone())
}

#[tokio::test]
async fn callers_see_what_they_should_while_the_upstream_is_killed_and_restarted() {
    let mut upstream = Server::start(&["--with", "timing"]).await;
    let proxy = proxy(&upstream).await;
    let transport = StreamableHttpClientTransport::from_uri(proxy.url());
    let [lifecycle, _] = lifecycles();
    let (client, _) = connect(transport, lifecycle).await;
    let echo = || call(&client, "echo", json!({ "text": "hello" }));

    // All is well: what the tools say of themselves is learned from their list.
    assert_eq!(client.list_all_tools().await.unwrap().len(), 15);
    assert_eq!(echo().await.unwrap(), "hello");
    let flaky = json!({ "key": "a", "failures": 2 });
    assert_eq!(call(&client, "flaky", flaky.clone()).await.unwrap(), "3");
    let once = call(&client, "flaky_write", flaky).await.unwrap_err();
    assert_eq!((once.code.0, data(&once, "runs")), (-32603, json!(1)));
    assert_eq!(data(&once, "outcome"), "unknown");
    assert_eq!(call(&client, "count", Value::Null).await.unwrap(), "1");

    // Killed in the middle of a call that is not safe: its caller learns that nobody knows.
    let (killed, ()) = tokio::join!(call(&client, "sleep", json!({ "ms": 600_000 })), async {
        timeout(PATIENCE, is_called(&upstream))
            .await
            .expect("a call");
        upstream.process.kill().await.unwrap();
    });
    let killed = killed.unwrap_err();
    assert_eq!(
        (killed.code.0, data(&killed, "outcome")),
        (-32603, json!("unknown"))
    );

    // Gone: errors, and soon the circuit says at once that there is no use in asking.
    let mut refused = None;
    for _ in 0..30 {
        let error = echo().await.unwrap_err();
        if error.code.0 == 503 {
            refused = Some(error);
            break;
        }
        assert_eq!(error.code.0, -32603);
    }
    let refused = refused.expect("an open circuit");
    assert_eq!(data(&refused, "reason"), "circuit_open");
    assert!(
        refused
            .message
            .starts_with("Circuit open for upstream: try again in "),
        "{refused:?}"
    );
    // Also for calls that could not be repeated: these did not run, and are not unknown.
    let unsafe_call = call(&client, "count", Value::Null).await.unwrap_err();
    if unsafe_call.code.0 == 503 {
        assert_eq!(data(&unsafe_call, "outcome"), Value::Null);
    }

    // Back again, at the same address: whoever waits as it was told is served.
    let address = upstream.address.clone();
    let upstream = Server::start_at(&address, &["--bare"]).await;
    let mut served = echo().await;
    for _ in 0..30 {
        let Err(error) = &served else { break };
        let wait = data(error, "retryAfterMs").as_u64().unwrap_or(100);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        served = echo().await;
    }
    assert_eq!(served.unwrap(), "hello");
    // The new server counts anew; each call runs once.
    assert_eq!(call(&client, "count", Value::Null).await.unwrap(), "1");
    assert_eq!(call(&client, "count", Value::Null).await.unwrap(), "2");
    drop((client, proxy, upstream));
}
