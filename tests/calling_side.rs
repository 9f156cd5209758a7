//! Retry and timeout around the calls of a real rmcp client: what the upstream gets to see.
#![allow(clippy::unwrap_used)]

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::post};
use mcp_layers_core::{Class, Event, McpResponse, Method, Outcome};
use mcp_layers_retry::RetryLayer;
use mcp_layers_rmcp::{LayeredClient, ProgressTokens, RmcpResponse, UpstreamRequest};
use mcp_layers_timeout::TimeoutLayer;
use rmcp::{
    ClientHandler, ErrorData, RoleClient, RoleServer, ServerHandler, ServiceExt,
    model::*,
    service::{NotificationContext, Peer, RequestContext},
    transport::StreamableHttpClientTransport,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex},
    net::TcpListener,
    sync::mpsc,
};

const SECOND: Duration = Duration::from_secs(1);

/// Hears what the upstream says while it works.
struct Handler(ProgressTokens);

impl ClientHandler for Handler {
    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.0.received(&params);
    }
}

fn call(tool: &'static str) -> UpstreamRequest {
    UpstreamRequest::new(Request::new(CallToolRequestParams::new(tool)))
}

fn retry() -> RetryLayer {
    let retry = RetryLayer::new(NonZeroU32::new(3).unwrap());
    retry.repeatable_tools(["dig"]).unwrap()
}

/// A server that fails every call, with a word on its progress before if `reports`; and what it was
/// sent.
async fn failing(reports: bool) -> (Peer<RoleClient>, ProgressTokens, Arc<Mutex<Vec<Value>>>) {
    let (here, there) = duplex(1 << 16);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    tokio::spawn(async move {
        let (reader, mut writer) = tokio::io::split(there);
        let mut lines = BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let message: Value = serde_json::from_str(&line).unwrap();
            let mut answers = Vec::new();
            match message["method"].as_str() {
                Some("initialize") => answers.push(json!({
                    "jsonrpc": "2.0",
                    "id": message["id"],
                    "result": {
                        "protocolVersion": "2025-11-25",
                        "capabilities": {},
                        "serverInfo": { "name": "raw", "version": "1" },
                    },
                })),
                Some("tools/call") => {
                    if reports {
                        let token = &message["params"]["_meta"]["progressToken"];
                        answers.push(json!({
                            "jsonrpc": "2.0",
                            "method": "notifications/progress",
                            "params": { "progressToken": token, "progress": 1 },
                        }));
                    }
                    answers.push(json!({
                        "jsonrpc": "2.0",
                        "id": message["id"],
                        "error": { "code": -32603, "message": "no" },
                    }));
                    told.lock().unwrap().push(message);
                }
                _ => {}
            }
            for answer in answers {
                let line = format!("{answer}\n");
                writer.write_all(line.as_bytes()).await.unwrap();
            }
        }
    });
    let tokens = ProgressTokens::new();
    let running = Handler(tokens.clone()).serve(here).await.unwrap();
    let peer = running.peer().clone();
    tokio::spawn(running.waiting());
    (peer, tokens, seen)
}

fn gave_up(response: &RmcpResponse) -> Option<&'static str> {
    response.trail().events().find_map(|event| match event {
        Event::GaveUp { reason } => Some(reason.as_str()),
        _ => None,
    })
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_a_json_rpc_id_and_a_progress_token_of_its_own() {
    let (peer, _, seen) = failing(false).await;
    let client = LayeredClient::new(peer, retry());
    let response = client.call(call("dig")).await;
    assert_eq!(response.outcome().code(), Some(-32603));
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    for part in ["/id", "/params/_meta/progressToken"] {
        let mut parts: Vec<_> = seen
            .iter()
            .map(|message| message.pointer(part).unwrap().to_string())
            .collect();
        parts.sort_unstable();
        parts.dedup();
        assert_eq!(parts.len(), 3, "{part}: {parts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_of_which_the_upstream_reported_progress_is_not_repeated() {
    let (peer, tokens, seen) = failing(true).await;
    let client = LayeredClient::watching(peer.clone(), tokens, retry());
    let response = client.call(call("dig")).await;
    assert_eq!(
        (seen.lock().unwrap().len(), gave_up(&response)),
        (1, Some("progress"))
    );
    // A client that does not watch cannot know.
    let client = LayeredClient::new(peer, retry());
    let response = client.call(call("dig")).await;
    assert_eq!(
        (seen.lock().unwrap().len(), gave_up(&response)),
        (4, Some("attempts"))
    );
}

/// A tool that never ends, and reports progress every second if asked; says that it was cancelled.
struct Endless {
    reports: bool,
    cancelled: mpsc::UnboundedSender<()>,
}

impl ServerHandler for Endless {
    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let token = context.meta.get_progress_token().unwrap();
        for number in 1_u32.. {
            tokio::select! {
                () = context.ct.cancelled() => break,
                () = tokio::time::sleep(SECOND) => {}
            }
            if self.reports {
                let progress = ProgressNotificationParam::new(token.clone(), number.into());
                context.peer.notify_progress(progress).await.unwrap();
            }
        }
        self.cancelled.send(()).unwrap();
        std::future::pending().await
    }
}

/// The time that a call takes until it is given up. The upstream must be notified of that.
async fn timed_out(reports: bool, layer: TimeoutLayer) -> Duration {
    let (here, there) = duplex(1 << 16);
    let (cancelled, mut told) = mpsc::unbounded_channel();
    let server = Endless { reports, cancelled };
    tokio::spawn(async move { server.serve(there).await.unwrap().waiting().await });
    let tokens = ProgressTokens::new();
    let running = Handler(tokens.clone()).serve(here).await.unwrap();
    let client = LayeredClient::watching(running.peer().clone(), tokens, layer);
    let started = tokio::time::Instant::now();
    let response = client.call(call("dig")).await;
    assert_eq!(response.outcome().code(), Some(504));
    let took = started.elapsed();
    assert_eq!(told.recv().await, Some(()));
    took
}

#[tokio::test(start_paused = true)]
async fn a_timeout_cancels_the_call_at_the_upstream_while_progress_flows() {
    let took = timed_out(true, TimeoutLayer::new(10 * SECOND)).await;
    assert!(took >= 10 * SECOND && took < 11 * SECOND, "{took:?}");
    // Progress extends the idle time, and nothing else.
    let idle = TimeoutLayer::new(10 * SECOND).idle(3 * SECOND);
    let took = timed_out(true, idle.clone()).await;
    assert!(took >= 10 * SECOND && took < 11 * SECOND, "{took:?}");
    let took = timed_out(false, idle).await;
    assert!(took >= 3 * SECOND && took < 4 * SECOND, "{took:?}");
}

/// An HTTP upstream that answers calls with this status and challenge; and how many calls came.
async fn challenging(status: u16, challenge: &'static str) -> (String, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let answer = move |Json(message): Json<Value>| async move {
        match message["method"].as_str() {
            Some("initialize") => Json(json!({
                "jsonrpc": "2.0",
                "id": message["id"],
                "result": {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {},
                    "serverInfo": { "name": "raw", "version": "1" },
                },
            }))
            .into_response(),
            Some("tools/call") => {
                counted.fetch_add(1, Relaxed);
                let status = StatusCode::from_u16(status).unwrap();
                (status, [("www-authenticate", challenge)]).into_response()
            }
            _ => StatusCode::ACCEPTED.into_response(),
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, calls)
}

#[tokio::test]
async fn a_401_and_a_403_of_the_upstream_are_not_repeated_and_carry_their_challenge() {
    let sign_in = r#"Bearer resource_metadata="https://mcp.example/meta""#;
    let step_up = r#"Bearer error="insufficient_scope", scope="tools:write""#;
    for (status, challenge) in [(401, sign_in), (403, step_up)] {
        let (url, calls) = challenging(status, challenge).await;
        let transport = StreamableHttpClientTransport::from_uri(url);
        let running = ().serve(transport).await.unwrap();
        // A classifier that counts everything as a failure changes nothing.
        let failure = |_: Method<'_>, _: &Outcome<'_>| Class::Failure;
        let client = LayeredClient::new(running.peer().clone(), retry().classify(failure));
        let error = client.call_tool(CallToolRequestParams::new("dig")).await;
        let error = error.unwrap_err();
        assert_eq!(error.code, i32::from(status));
        assert_eq!(error.data.unwrap()["wwwAuthenticate"], challenge);
        assert_eq!(calls.load(Relaxed), 1);
    }
}
