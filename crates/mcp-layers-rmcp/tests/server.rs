//! Layers around a server behind a pipe.
#![cfg(all(feature = "client", feature = "http"))]
#![expect(deprecated, reason = "sampling is served for as long as rmcp has it")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

mod fixture;

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
};

use fixture::{
    Fixture, LIMIT, initialize_params, layers, model, modern_meta,
    pipe::{Raw, connect},
    soon,
};
use mcp_layers_core::{BoxError, McpNotification, McpRequest, McpResponse, Method};
use mcp_layers_rmcp::{Layered, Leaf, RmcpRequest, RmcpResponse, Stack, observe_notifications};
use mcp_layers_util::{CancelLayer, CatchPanicLayer};
use rmcp::{
    ClientHandler, ErrorData, RoleClient, ServerHandler, ServiceExt as _,
    model::{
        CallToolRequestParams, ClientCapabilities, ClientInfo, CreateMessageRequestParams,
        CreateMessageResult, Implementation, InitializeRequestParams, SamplingMessage,
    },
    service::RequestContext,
};
use serde_json::{Value, json};
use tower::{
    Service, ServiceBuilder, ServiceExt as _,
    layer::{layer_fn, util::Identity},
    limit::ConcurrencyLimitLayer,
    load_shed::LoadShedLayer,
    service_fn,
    timeout::TimeoutLayer,
    util::MapRequestLayer,
};

fn tool(name: &str) -> Value {
    json!({ "name": name, "arguments": {} })
}

const LISTEN: &str = "subscriptions/listen";

fn filter() -> Value {
    json!({ "notifications": {
        "toolsListChanged": true,
        "resourceSubscriptions": ["file:///a"],
    } })
}

#[tokio::test(start_paused = true)]
async fn a_subscription_outlives_the_timeout_that_ends_a_call() {
    let fixture = Fixture::default();
    let mut raw = Raw::serve(layers().handler(fixture.clone()));
    let id = raw.request(LISTEN, filter()).await;
    soon(fixture.0.listening.notified()).await;
    assert_eq!(
        raw.message().await["method"],
        "notifications/subscriptions/acknowledged"
    );

    let timed_out = raw.ask("tools/call", tool("never")).await;
    assert_eq!(timed_out["error"]["code"], 504);
    tokio::time::advance(10 * LIMIT).await;

    let sink = fixture.0.sink.lock().unwrap().clone().unwrap();
    sink.notify_tool_list_changed().await.unwrap();
    let changed = raw.message().await;
    assert_eq!(changed["method"], "notifications/tools/list_changed");

    fixture.0.release.notify_one();
    let ended = raw.message().await;
    assert_eq!(ended["id"], id);
    assert_eq!(ended["result"]["resultType"], "complete");
    assert_eq!(fixture.0.count("listen"), 1);
}

#[tokio::test]
async fn a_subscription_is_acknowledged_once_in_both_shells() {
    for service in [false, true] {
        let fixture = Fixture::default();
        let stack = layers();
        let mut raw = if service {
            Raw::serve(stack.service(fixture.clone()))
        } else {
            Raw::serve(stack.handler(fixture.clone()))
        };
        raw.request(LISTEN, filter()).await;
        soon(fixture.0.listening.notified()).await;
        fixture.0.release.notify_one();
        let acknowledged = raw.message().await;
        assert_eq!(
            acknowledged["method"],
            "notifications/subscriptions/acknowledged"
        );
        assert!(raw.message().await["result"].is_object());
        // The next message answers the next request.
        assert!(raw.ask("tools/list", json!({})).await["result"].is_object());
    }
}

#[tokio::test]
async fn a_cancelled_subscription_ends_and_closes_its_sink() {
    let fixture = Fixture::default();
    let mut raw = Raw::serve(layers().handler(fixture.clone()));
    let id = raw.request(LISTEN, filter()).await;
    soon(fixture.0.listening.notified()).await;
    raw.notify("notifications/cancelled", json!({ "requestId": id }))
        .await;
    soon(fixture.0.dropped.notified()).await;
    let sink = fixture.0.sink.lock().unwrap().clone().unwrap();
    assert!(sink.notify_tool_list_changed().await.is_err());
}

#[tokio::test]
async fn a_layer_reads_what_a_subscription_asks_for() {
    let fixture = Fixture::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let uris = seen.clone();
    let tap = MapRequestLayer::new(move |mut request: RmcpRequest| {
        if request.method() == Method::Listen {
            request.visit_subscriptions(&mut |uri| uris.lock().unwrap().push(uri.to_owned()));
            assert!(!request.insert_extension(1_u8));
            assert!(request.is_modern());
        }
        request
    });
    let mut raw = Raw::serve(fixture.clone().layered(tap));
    raw.request(LISTEN, filter()).await;
    soon(fixture.0.listening.notified()).await;
    assert_eq!(*seen.lock().unwrap(), ["file:///a"]);
}

#[tokio::test]
async fn a_cancelled_call_is_dropped() {
    let fixture = Fixture::default();
    let mut raw = Raw::serve(fixture.clone().layered(CancelLayer::new()));
    raw.initialize("2025-11-25").await;
    let id = raw.request("tools/call", tool("hang")).await;
    soon(fixture.0.started.notified()).await;
    raw.notify("notifications/cancelled", json!({ "requestId": id }))
        .await;
    soon(fixture.0.dropped.notified()).await;
}

#[tokio::test]
async fn without_the_cancel_layer_a_cancelled_call_runs_on() {
    let fixture = Fixture::default();
    let mut raw = Raw::serve(fixture.clone().layered(Identity::new()));
    raw.initialize("2025-11-25").await;
    let id = raw.request("tools/call", tool("hang")).await;
    soon(fixture.0.started.notified()).await;
    raw.notify("notifications/cancelled", json!({ "requestId": id }))
        .await;
    soon(fixture.0.cancelled.notified()).await;
    fixture.0.release.notify_one();
    soon(fixture.0.finished.notified()).await;
}

#[tokio::test]
async fn progress_keeps_its_order_and_precedes_the_answer() {
    let mut raw = Raw::serve(layers().handler(Fixture::default()));
    let mut params = tool("progress");
    params["_meta"] = modern_meta();
    params["_meta"]["progressToken"] = json!("t");
    let lines = raw.call("tools/call", params).await;
    let messages = lines.iter().map(|line| serde_json::from_str(line).unwrap());
    let steps: Vec<_> = messages
        .map(|message: Value| message["params"]["progress"].as_f64())
        .collect();
    let expected = [Some(1.0), Some(2.0), Some(3.0), Some(4.0), Some(5.0), None];
    assert_eq!(steps, expected);
}

struct Sampler;

impl ClientHandler for Sampler {
    fn get_info(&self) -> ClientInfo {
        let capabilities = ClientCapabilities::builder().enable_sampling().build();
        ClientInfo::new(capabilities, Implementation::new("sampler", "1"))
    }

    async fn create_message(
        &self,
        _: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let message = SamplingMessage::assistant_text("Paris");
        Ok(CreateMessageResult::new(message, "model-7".to_owned()))
    }
}

#[tokio::test]
async fn a_handler_can_ask_its_client() {
    let server = layers().handler(Fixture::default());
    let client = connect(server, Sampler, false).await;
    let params = CallToolRequestParams::new("sample");
    let answer = soon(client.call_tool(params)).await.unwrap();
    assert_eq!(answer.content[0].as_text().unwrap().text, "model-7");
}

#[tokio::test]
async fn a_panic_answers_one_request_and_the_session_lives_on() {
    let fixture = Fixture::default();
    let mut raw = Raw::serve(fixture.clone().layered(CatchPanicLayer::new()));
    let hanging = raw.request("tools/call", tool("hang")).await;
    soon(fixture.0.started.notified()).await;

    let lines = raw.call("tools/call", tool("panic")).await;
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].contains("-32603") && !lines[0].contains("hunter2"),
        "{lines:?}"
    );

    fixture.0.release.notify_one();
    let released = raw.message().await;
    assert_eq!(released["id"], hanging);
    assert!(raw.ask("tools/call", tool("echo")).await["result"].is_object());
}

#[tokio::test(start_paused = true)]
async fn a_plain_timeout_is_answered_with_504() {
    let mut raw = Raw::serve(Fixture::default().layered(TimeoutLayer::new(LIMIT)));
    let answer = raw.ask("tools/call", tool("never")).await;
    assert_eq!(answer["error"]["code"], 504);
    assert_eq!(answer["error"]["data"]["reason"], "timed_out");
}

#[tokio::test]
async fn shed_load_is_answered_with_503() {
    let fixture = Fixture::default();
    let layers = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(1));
    let mut raw = Raw::serve(fixture.clone().layered(layers));
    let first = raw.request("tools/call", tool("hang")).await;
    soon(fixture.0.started.notified()).await;
    let shed = raw.ask("tools/call", tool("echo")).await;
    assert_eq!(shed["error"]["code"], 503);
    assert_eq!(fixture.0.count("call_tool"), 1);
    fixture.0.release.notify_one();
    assert_eq!(raw.message().await["id"], first);
    assert!(raw.ask("tools/call", tool("echo")).await["result"].is_object());
}

#[tokio::test]
async fn the_words_of_an_error_are_not_sent() {
    let failing = layer_fn(|_: Leaf| {
        service_fn(|_: RmcpRequest| async {
            Err::<RmcpResponse, BoxError>("postgres://admin:hunter2@db".into())
        })
    });
    let mut raw = Raw::serve(Fixture::default().layered(failing));
    let answer = raw.ask("tools/call", tool("echo")).await;
    assert_eq!(
        answer["error"],
        json!({ "code": -32603, "message": "Internal error" })
    );
}

/// Answers every call of a tool without the server.
#[derive(Clone)]
struct Refuse(Leaf);

impl Service<RmcpRequest> for Refuse {
    type Response = RmcpResponse;
    type Error = BoxError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<RmcpResponse, BoxError>> + Send>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), BoxError>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RmcpRequest) -> Self::Future {
        let leaf = self.0;
        Box::pin(async move {
            if request.method() == Method::CallTool {
                return Ok(RmcpResponse::from_tool_error((), "no budget".to_owned()));
            }
            Ok(leaf.oneshot(request).await?)
        })
    }
}

async fn refused(service: bool, version: Option<&str>, params: Value) -> Value {
    let stack = Stack::new(layer_fn(Refuse));
    let mut raw = if service {
        Raw::serve(stack.service(Fixture::default()))
    } else {
        Raw::serve(stack.handler(Fixture::default()))
    };
    if let Some(version) = version {
        raw.initialize(version).await;
    }
    raw.ask("tools/call", params).await["result"].take()
}

#[tokio::test]
async fn the_tool_error_of_a_layer_has_the_shape_of_the_callers_version() {
    let content = json!([{ "type": "text", "text": "no budget" }]);
    let legacy = json!({ "content": content, "isError": true });
    let modern = json!({ "content": content, "isError": true, "resultType": "complete" });
    for service in [false, true] {
        assert_eq!(
            refused(service, Some("2025-11-25"), tool("echo")).await,
            legacy
        );
        assert_eq!(refused(service, None, tool("echo")).await, modern);
    }
}

#[tokio::test]
async fn a_layer_can_answer_a_call_that_rmcp_cannot_read() {
    let unreadable = json!({ "arguments": {} });
    for service in [false, true] {
        let legacy = refused(service, Some("2025-11-25"), unreadable.clone()).await;
        assert_eq!(legacy["isError"], true);
        assert_eq!(legacy.get("resultType"), None);
        let modern = refused(service, None, unreadable.clone()).await;
        assert_eq!(modern["resultType"], "complete");
    }
}

#[tokio::test]
async fn only_the_service_shell_sees_an_unsupported_version() {
    for service in [false, true] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let versions = seen.clone();
        let stack = Stack::new(MapRequestLayer::new(move |request: RmcpRequest| {
            let version = request.protocol_version().map(Cow::into_owned);
            versions.lock().unwrap().extend(version);
            request
        }));
        let mut raw = if service {
            Raw::serve(stack.service(Fixture::default()))
        } else {
            Raw::serve(stack.handler(Fixture::default()))
        };
        raw.ask("tools/list", json!({})).await;
        let mut meta = modern_meta();
        meta["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
        let answer = raw.ask("tools/list", json!({ "_meta": meta })).await;
        assert_eq!(answer["error"]["code"], -32022);
        let both: &[_] = &["2026-07-28", "2099-01-01"];
        assert_eq!(
            *seen.lock().unwrap(),
            if service { both } else { &both[..1] }
        );
    }
}

#[tokio::test]
async fn notifications_are_observed_before_the_client_has_them() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let observed = seen.clone();
    let server = layers().handler(Fixture::default());
    let mut raw = Raw::over(move |end| {
        let transport = observe_notifications(end, move |notification| {
            let uri = notification.resource_uri().map(ToOwned::to_owned);
            let method = notification.method().as_str().to_owned();
            observed.lock().unwrap().push((method, uri));
        });
        tokio::spawn(async move {
            let running = server.serve(transport).await.unwrap();
            let _ = running.waiting().await;
        });
    });
    raw.request("tools/call", tool("changed")).await;
    let changed = ("notifications/tools/list_changed".to_owned(), None);
    let updated = (
        "notifications/resources/updated".to_owned(),
        Some("file:///a".to_owned()),
    );
    assert_eq!(raw.message().await["method"], changed.0);
    assert_eq!(seen.lock().unwrap()[0], changed);
    assert_eq!(raw.message().await["method"], updated.0);
    assert_eq!(seen.lock().unwrap()[1], updated);
}

#[tokio::test]
async fn a_legacy_session_speaks_for_its_requests() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let tap = MapRequestLayer::new(move |request: RmcpRequest| {
        if request.method() == Method::ListTools {
            let info = request.client_info().unwrap();
            let mut capabilities = Vec::new();
            request.write_client_capabilities(&mut capabilities);
            told.lock().unwrap().push((
                request.protocol_version().unwrap().into_owned(),
                info.name.into_owned(),
                String::from_utf8(capabilities).unwrap(),
                request.id().unwrap().to_string(),
                request.is_modern(),
            ));
        }
        request
    });
    let mut raw = Raw::serve(Fixture::default().layered(tap.clone()));
    raw.initialize("2025-11-25").await;
    raw.ask("tools/list", json!({})).await;
    let mut raw = Raw::serve(Fixture::default().layered(tap));
    let mut meta = modern_meta();
    meta["io.modelcontextprotocol/clientCapabilities"] = json!({ "vendor": { "b": 1, "a": 2 } });
    raw.ask("tools/list", json!({ "_meta": meta })).await;

    let seen = seen.lock().unwrap();
    let tasks = r#"{"extensions":{"io.modelcontextprotocol/tasks":{}},"sampling":{}}"#;
    let legacy = ("2025-11-25", "raw", tasks, "2", false);
    // Capabilities that rmcp does not know count too.
    let vendor = r#"{"vendor":{"a":2,"b":1}}"#;
    let modern = ("2026-07-28", "raw", vendor, "1", true);
    let told: Vec<_> = seen
        .iter()
        .map(|(version, name, capabilities, id, modern)| {
            (&**version, &**name, &**capabilities, &**id, *modern)
        })
        .collect();
    assert_eq!(told, [legacy, modern]);
}

#[cfg(feature = "rmcp-3-9")]
#[test]
fn methods_that_do_not_pass_the_stack_answer_as_the_handler_does() {
    let bare = Fixture::default();
    let layered = bare.clone().layered(Identity::new());
    let params: InitializeRequestParams = model(initialize_params("2025-06-18"));
    let negotiated = layered.negotiate_initialize(&params).unwrap();
    let expected = bare.negotiate_initialize(&params).unwrap();
    assert_eq!(json!(negotiated), json!(expected));
    assert_eq!(negotiated.instructions.as_deref(), Some("negotiated here"));
    assert_eq!(
        ServerHandler::supported_protocol_versions(&layered),
        ServerHandler::supported_protocol_versions(&bare),
    );
    assert_eq!(layered.get_tool("echo"), bare.get_tool("echo"));
}
