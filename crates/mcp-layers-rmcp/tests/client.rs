//! Layers around the calls to an upstream server.
#![cfg(all(feature = "client", feature = "http"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

mod fixture;

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use fixture::{Fixture, LIMIT, model, pipe::connect, soon};
use mcp_layers_core::{
    BoxError, Event, McpRequest, McpResponse, Method, Outcome, request::ReplayRequest,
};
use mcp_layers_rmcp::{Layered, LayeredClient, RmcpResponse, Upstream, UpstreamRequest};
use mcp_layers_util::CancelLayer;
use rmcp::{
    ServiceExt as _,
    model::{
        CallToolRequestParams, CallToolResponse, ClientRequest, CompleteRequestParams,
        GetPromptRequestParams, GetPromptResponse, ReadResourceRequestParams, ReadResourceResponse,
    },
    service::Peer,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex};
use tower::{
    Service, ServiceExt as _,
    layer::{layer_fn, util::Identity},
    timeout::TimeoutLayer,
    util::MapRequestLayer,
};

fn tool(name: &str) -> CallToolRequestParams {
    CallToolRequestParams::new(name.to_owned())
}

fn request(method: &str, params: Value) -> UpstreamRequest {
    let mut request = json!({ "method": method });
    request["params"] = params;
    UpstreamRequest::new(model::<ClientRequest>(request))
}

#[tokio::test]
async fn layers_read_the_calls_of_the_client() {
    for modern in [false, true] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = seen.clone();
        let tap = MapRequestLayer::new(move |request: UpstreamRequest| {
            told.lock().unwrap().push((
                request.method().as_str().to_owned(),
                request.target().map(ToOwned::to_owned),
                request.arguments().get("region").cloned(),
                request.is_modern(),
                request.id().is_some(),
            ));
            request
        });
        let server = connect(Fixture::default(), (), modern).await;
        let client = LayeredClient::new(server.peer().clone(), tap);
        let arguments = json!({ "region": "eu" }).as_object().unwrap().clone();
        let called = client
            .call_tool(tool("echo").with_arguments(arguments))
            .await;
        assert!(matches!(called, Ok(CallToolResponse::Complete(_))));
        let expected = (
            "tools/call".to_owned(),
            Some("echo".to_owned()),
            Some(json!("eu")),
            modern,
            false,
        );
        assert_eq!(*seen.lock().unwrap(), [expected]);
    }
}

/// Its type names no layer.
#[derive(Debug, Clone)]
struct Gateway {
    upstream: LayeredClient,
}

#[tokio::test]
async fn a_client_is_a_field_of_a_struct_whatever_its_layers() {
    let server = connect(Fixture::default(), (), true).await;
    let peer = server.peer();
    for gateway in [
        Gateway {
            upstream: LayeredClient::new(peer.clone(), CancelLayer::new()),
        },
        Gateway {
            upstream: LayeredClient::new(peer.clone(), TimeoutLayer::new(LIMIT)),
        },
    ] {
        // Other tasks use a clone.
        let called =
            tokio::spawn(async move { gateway.clone().upstream.call_tool(tool("echo")).await });
        assert!(matches!(
            called.await.unwrap(),
            Ok(CallToolResponse::Complete(_))
        ));
    }
}

#[tokio::test]
async fn every_method_gives_what_the_peer_gives() {
    let server = connect(Fixture::default(), (), true).await;
    let peer = server.peer();
    let client = LayeredClient::new(peer.clone(), Identity::new());

    let tools = client.list_tools(None).await.unwrap();
    assert_eq!(json!(tools), json!(peer.list_tools(None).await.unwrap()));
    let resources = client.list_resources(None).await.unwrap();
    assert_eq!(
        json!(resources),
        json!(peer.list_resources(None).await.unwrap())
    );
    let templates = client.list_resource_templates(None).await.unwrap();
    let expected = peer.list_resource_templates(None).await.unwrap();
    assert_eq!(json!(templates), json!(expected));
    let prompts = client.list_prompts(None).await.unwrap();
    assert_eq!(
        json!(prompts),
        json!(peer.list_prompts(None).await.unwrap())
    );

    let read = client
        .read_resource(ReadResourceRequestParams::new("file:///a"))
        .await;
    assert!(matches!(read, Ok(ReadResourceResponse::Complete(_))));
    let prompt = client
        .get_prompt(GetPromptRequestParams::new("greet"))
        .await;
    assert!(matches!(prompt, Ok(GetPromptResponse::Complete(_))));
    let reference = json!({ "type": "ref/prompt", "name": "p" });
    let params: CompleteRequestParams =
        model(json!({ "ref": reference, "argument": { "name": "a", "value": "v" } }));
    let completed = client.complete(params).await.unwrap();
    assert_eq!(completed.completion.values, ["v!"]);

    let asks = client.call_tool(tool("ask")).await;
    assert!(matches!(asks, Ok(CallToolResponse::InputRequired(_))));
    let response = client.call(request("tools/list", json!({}))).await;
    assert_eq!(response.outcome(), Outcome::Success);
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_upstream() {
    let fixture = Fixture::default();
    // No timeout here: it would end the call too.
    let server = fixture.clone().layered(CancelLayer::new());
    let server = connect(server, (), false).await;
    let client = LayeredClient::new(server.peer().clone(), Identity::new());
    let call = tokio::spawn(async move { client.call_tool(tool("hang")).await });
    soon(fixture.0.started.notified()).await;
    call.abort();
    soon(fixture.0.cancelled.notified()).await;
    soon(fixture.0.dropped.notified()).await;
}

#[tokio::test]
async fn a_call_that_was_answered_is_not_cancelled() {
    let fixture = Fixture::default();
    let server = connect(fixture.clone(), (), false).await;
    let client = LayeredClient::new(server.peer().clone(), Identity::new());
    client.call_tool(tool("echo")).await.unwrap();
    // What was sent before this answer has arrived by now.
    client.call_tool(tool("echo")).await.unwrap();
    assert_eq!(fixture.0.count("on_cancelled"), 0);
}

#[tokio::test]
async fn an_error_of_the_upstream_keeps_code_message_and_data() {
    let server = connect(Fixture::default(), (), true).await;
    let client = LayeredClient::new(server.peer().clone(), Identity::new());
    let error = client.call_tool(tool("refuse")).await.unwrap_err();
    assert_eq!((error.code, &*error.message), (1234, "No"));
    assert_eq!(error.data, Some(json!({ "why": ["because"] })));
    assert!(!error.is_public());
}

/// The lines of a log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_closed_transport_is_an_internal_error_whose_cause_is_logged() {
    let server = connect(Fixture::default(), (), false).await;
    let client = LayeredClient::new(server.peer().clone(), Identity::new());
    server.cancel().await.unwrap();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
    let logging = tracing::subscriber::set_default(subscriber.finish());
    let response = client.call(request("tools/list", json!({}))).await;
    drop(logging);
    let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        lines.contains("WARN") && lines.contains("mcp_layers_rmcp::client"),
        "{lines}"
    );
    assert!(lines.contains("Transport closed"), "{lines}");
    assert_eq!(response.outcome().code(), Some(-32603));
    let mut events = response.trail().events();
    assert!(matches!(events.next(), Some(Event::Failed { cause }) if cause.contains("closed")));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_around_the_upstream_cancels_the_call() {
    let fixture = Fixture::default();
    let server = connect(fixture.clone(), (), false).await;
    let client = LayeredClient::new(server.peer().clone(), TimeoutLayer::new(LIMIT));
    let error = client.call_tool(tool("hang")).await.unwrap_err();
    assert_eq!(error.code, 504);
    soon(fixture.0.cancelled.notified()).await;
}

/// Sends every request a second time when it fails.
#[derive(Clone)]
struct Again<S>(S);

impl<S> Service<UpstreamRequest> for Again<S>
where
    S: Service<UpstreamRequest, Response = RmcpResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = RmcpResponse;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<RmcpResponse, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: UpstreamRequest) -> Self::Future {
        let clone = self.0.clone();
        let service = std::mem::replace(&mut self.0, clone.clone());
        Box::pin(async move {
            let again = request.try_clone().unwrap();
            let first = service.oneshot(request).await.map_err(Into::into)?;
            if first.outcome().code().is_none() {
                return Ok(first);
            }
            clone.oneshot(again).await.map_err(Into::into)
        })
    }
}

/// A server that refuses every request, and notes the messages it was sent.
async fn refusing() -> (Peer<rmcp::RoleClient>, Arc<Mutex<Vec<Value>>>) {
    let (here, there) = duplex(1 << 16);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    tokio::spawn(async move {
        let (reader, mut writer) = tokio::io::split(there);
        let mut lines = BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let message: Value = serde_json::from_str(&line).unwrap();
            let mut answer = json!({ "jsonrpc": "2.0", "id": message["id"] });
            match message["method"].as_str() {
                Some("initialize") => {
                    answer["result"] = json!({
                        "protocolVersion": "2025-11-25",
                        "capabilities": {},
                        "serverInfo": { "name": "raw", "version": "1" },
                    });
                }
                Some("prompts/get") => answer["result"] = json!({}),
                Some("tools/call") if message["params"]["name"] == "empty" => {
                    answer["result"] = json!({});
                }
                _ => answer["error"] = json!({ "code": 7, "message": "busy" }),
            }
            let has_id = message.get("id").is_some();
            told.lock().unwrap().push(message);
            if has_id {
                let line = format!("{answer}\n");
                writer.write_all(line.as_bytes()).await.unwrap();
            }
        }
    });
    let running = soon(().serve(here)).await.unwrap();
    let peer = running.peer().clone();
    tokio::spawn(running.waiting());
    (peer, seen)
}

fn calls(seen: &Mutex<Vec<Value>>) -> Vec<Value> {
    let seen = seen.lock().unwrap();
    let calls = seen
        .iter()
        .filter(|message| message["method"] == "tools/call");
    calls.cloned().collect()
}

#[tokio::test]
async fn each_attempt_has_an_id_of_its_own() {
    let (peer, seen) = refusing().await;
    let client = LayeredClient::new(peer, layer_fn(Again::<Upstream>));
    let error = client.call_tool(tool("echo")).await.unwrap_err();
    assert_eq!(error.code, 7);
    let calls = calls(&seen);
    assert_eq!(calls.len(), 2);
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    assert_eq!(calls[0]["params"]["name"], calls[1]["params"]["name"]);
}

#[tokio::test]
async fn what_a_layer_puts_into_meta_is_sent_with_what_the_caller_put_there() {
    let (peer, seen) = refusing().await;
    let inject = MapRequestLayer::new(|mut request: UpstreamRequest| {
        assert_eq!(request.meta().unwrap()["com.example/a"], "caller");
        let meta = request.meta_mut().unwrap();
        meta.insert("com.example/b".to_owned(), json!("layer"));
        request
    });
    let client = LayeredClient::new(peer, inject);
    let mut params = tool("echo");
    params.meta = Some(model(json!({ "com.example/a": "caller" })));
    client.call_tool(params).await.unwrap_err();
    let meta = calls(&seen)[0]["params"]["_meta"].clone();
    assert_eq!(meta["com.example/a"], "caller");
    assert_eq!(meta["com.example/b"], "layer");
}

#[tokio::test]
async fn an_answer_of_the_wrong_kind_is_an_error() {
    let (peer, _) = refusing().await;
    let client = LayeredClient::new(peer, Identity::new());
    let error = client
        .get_prompt(GetPromptRequestParams::new("greet"))
        .await;
    assert_eq!(error.unwrap_err().code, -32603);
}

#[tokio::test]
async fn a_tool_may_answer_without_content() {
    let (peer, _) = refusing().await;
    let client = LayeredClient::new(peer, Identity::new());
    let Ok(CallToolResponse::Complete(result)) = client.call_tool(tool("empty")).await else {
        panic!("no result");
    };
    assert!(result.content.is_empty());
}

#[tokio::test]
async fn the_token_of_a_caller_cancels_its_request() {
    let token = tokio_util::sync::CancellationToken::new();
    let request = request("tools/list", json!({})).with_cancellation(token.clone());
    let cancelled = request.try_clone().unwrap().cancelled();
    token.cancel();
    soon(cancelled).await;
    assert_eq!(request.method(), Method::ListTools);
}
