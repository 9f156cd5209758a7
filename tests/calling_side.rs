//! Retry and timeout around the calls of a real rmcp client: what the upstream gets to see.
#![allow(clippy::unwrap_used)]

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_layers_core::{Event, McpResponse};
use mcp_layers_retry::RetryLayer;
use mcp_layers_rmcp::{LayeredClient, ProgressTokens, RmcpResponse, UpstreamRequest};
use mcp_layers_timeout::TimeoutLayer;
use rmcp::{
    ClientHandler, ErrorData, RoleClient, RoleServer, ServerHandler, ServiceExt,
    model::*,
    service::{NotificationContext, Peer, RequestContext},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex},
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
    RetryLayer::new(NonZeroU32::new(3).unwrap()).repeatable_tools(["dig"])
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

/// How long a call of it takes, of which the upstream must be told that it was given up.
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
async fn b15_a_timeout_is_told_to_the_upstream_while_progress_flows() {
    let took = timed_out(true, TimeoutLayer::new(10 * SECOND)).await;
    assert!(took >= 10 * SECOND && took < 11 * SECOND, "{took:?}");
    // Progress extends the idle time, and nothing else.
    let idle = TimeoutLayer::new(10 * SECOND).idle(3 * SECOND);
    let took = timed_out(true, idle.clone()).await;
    assert!(took >= 10 * SECOND && took < 11 * SECOND, "{took:?}");
    let took = timed_out(false, idle).await;
    assert!(took >= 3 * SECOND && took < 4 * SECOND, "{took:?}");
}
