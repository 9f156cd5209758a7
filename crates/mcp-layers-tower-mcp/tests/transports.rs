//! tower-mcp's own transports and its own client.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{body::Body, http::Request};
use mcp_layers_core::{Authentication, McpRequest, Principal, request::Transport};
use mcp_layers_tower_mcp::{TowerMcpRequest, layered};
use mcp_layers_util::{CancelLayer, CatchPanicLayer, short_lived};
use serde_json::{Value, json};
use support::router;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tower::{ServiceBuilder, ServiceExt, timeout::TimeoutLayer};
use tower_mcp::{
    CallToolResult, ChannelTransport, HttpTransport, McpClient, McpRouter, StdioTransport,
    ToolBuilder,
};

macro_rules! stack {
    () => {
        ServiceBuilder::new()
            .layer(CatchPanicLayer::new())
            .layer(CancelLayer::new())
            .layer(short_lived(TimeoutLayer::new(Duration::from_secs(60))))
    };
}

#[tokio::test]
async fn tower_mcps_client_works_through_a_stack() {
    let transport = ChannelTransport::layer(router(), layered(stack!()));
    let client = McpClient::connect(transport).await.unwrap();
    let server = client.initialize("client", "1.0.0").await.unwrap();
    assert_eq!(server.server_info.name, "server");
    client.ping().await.unwrap();
    assert_eq!(client.list_all_tools().await.unwrap().len(), 8);
    let answer = client.call_tool("echo", json!({"a": 1})).await.unwrap();
    assert_eq!(answer.first_text(), Some(r#"{"a":1}"#));
    assert!(
        client
            .call_tool("says_no", json!({}))
            .await
            .unwrap()
            .is_error
    );
    assert!(client.call_tool("panics", json!({})).await.is_err());
    let read = client.read_resource("file:///readme").await.unwrap();
    assert_eq!(read.first_text(), Some("Read me"));
    let name = HashMap::from([("name".to_owned(), "Ada".to_owned())]);
    let prompt = client.get_prompt("greet", Some(name)).await.unwrap();
    assert_eq!(prompt.first_message_text(), Some("Hello Ada"));
    let done = client
        .complete_prompt_arg("greet", "name", "A")
        .await
        .unwrap();
    assert_eq!(done.completion.values, ["A"]);
}

/// Says when it is dropped.
struct Dropped(Arc<tokio::sync::Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn endless(started: &Arc<tokio::sync::Notify>, dropped: &Arc<tokio::sync::Notify>) -> McpRouter {
    let (started, dropped) = (started.clone(), dropped.clone());
    let endless = ToolBuilder::new("endless")
        .no_params_handler(move || {
            let (started, dropped) = (started.clone(), Dropped(dropped.clone()));
            async move {
                let _dropped = dropped;
                started.notify_one();
                std::future::pending::<()>().await;
                Ok(CallToolResult::text("never"))
            }
        })
        .build();
    router().tool(endless)
}

#[tokio::test]
async fn a_cancelled_call_over_a_pipe_stops_running_and_gets_no_answer() {
    let started = Arc::new(tokio::sync::Notify::new());
    let dropped = Arc::new(tokio::sync::Notify::new());
    let router = endless(&started, &dropped);
    let mut transport = StdioTransport::new(router).layer(layered(stack!()));
    let (mut input, server_in) = tokio::io::duplex(4096);
    let (server_out, output) = tokio::io::duplex(4096);
    let server =
        tokio::spawn(async move { transport.run_with_streams(server_in, server_out).await });
    let mut lines = BufReader::new(output).lines();

    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "client", "version": "1"},
    }});
    input
        .write_all(format!("{hello}\n").as_bytes())
        .await
        .unwrap();
    assert!(
        lines
            .next_line()
            .await
            .unwrap()
            .unwrap()
            .contains("serverInfo")
    );
    for message in [
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "endless"}}),
    ] {
        input
            .write_all(format!("{message}\n").as_bytes())
            .await
            .unwrap();
    }
    started.notified().await;
    for message in [
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}),
        json!({"jsonrpc": "2.0", "id": 3, "method": "ping"}),
    ] {
        input
            .write_all(format!("{message}\n").as_bytes())
            .await
            .unwrap();
    }
    tokio::time::timeout(Duration::from_secs(10), dropped.notified())
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 3, "result": {}}));
    drop(input);
    server.await.unwrap().unwrap();
    let mut rest = String::new();
    lines.into_inner().read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "");
}

type Seen = Arc<Mutex<Vec<(String, Option<String>, Option<String>)>>>;

/// Posts one message to the HTTP transport, as a principal.
async fn post(
    server: &axum::Router,
    session: Option<&str>,
    message: Value,
) -> (Option<String>, Value) {
    let mut request = Request::post("/")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    if let Some(session) = session {
        request = request.header("mcp-session-id", session);
        request = request.header("mcp-protocol-version", "2025-06-18");
    }
    let ada = Arc::new(Principal::new("ada", Authentication::Bearer));
    let request = request
        .extension(ada)
        .body(Body::from(message.to_string()))
        .unwrap();
    let response = server.clone().oneshot(request).await.unwrap();
    let session = response.headers().get("mcp-session-id");
    let session = session.map(|session| session.to_str().unwrap().to_owned());
    let body = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let data = body
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap_or(&body);
    (session, serde_json::from_str(data).unwrap_or(Value::Null))
}

#[tokio::test]
async fn over_http_the_principal_and_the_sessions_version_are_known() {
    let seen = Seen::default();
    let record = seen.clone();
    let stack = ServiceBuilder::new().map_request(move |request: TowerMcpRequest| {
        let subject = request
            .context()
            .principal()
            .map(|found| found.subject().to_owned());
        let version = request.protocol_version().map(std::borrow::Cow::into_owned);
        assert_eq!(request.connection().transport, Some(Transport::Tcp));
        record
            .lock()
            .unwrap()
            .push((request.method().to_string(), subject, version));
        request
    });
    let layer = layered(stack.into_inner()).transport(Transport::Tcp);
    let server = HttpTransport::new(router())
        .bridge_extension::<Arc<Principal>>()
        .layer(layer)
        .into_router();
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "client", "version": "1"},
    }});
    let (session, _) = post(&server, None, hello).await;
    let session = session.as_deref();
    post(
        &server,
        session,
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
    )
    .await;
    let who = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "who"}});
    let (_, answer) = post(&server, session, who).await;
    assert_eq!(answer["result"]["content"][0]["text"], "ada", "{answer}");
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].0, "initialize");
    let ada = Some("ada".to_owned());
    assert_eq!(
        seen[1],
        ("tools/call".to_owned(), ada, Some("2025-06-18".to_owned()))
    );
}
