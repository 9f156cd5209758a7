//! A layered server answers as the bare one does, byte for byte.
#![cfg(all(feature = "client", feature = "http", feature = "rmcp-3-9"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

mod fixture;

use std::sync::Arc;

use axum::Router;
use fixture::{Fixture, catalog, every_request, http, layers, pipe::Raw};
use mcp_layers_rmcp::Stack;
use rmcp::{
    RoleClient, RoleServer, Service,
    model::{CallToolRequestParams, ReadResourceRequestParams},
    service::RunningService,
    transport::{
        StreamableHttpServerConfig, StreamableHttpService,
        streamable_http_server::session::local::LocalSessionManager,
    },
};
use serde_json::{Value, json};
use tower::layer::util::Identity;

/// The answers to every request, and which methods of the handler ran for them.
type Transcript = (Vec<String>, Vec<&'static str>);

async fn over_a_pipe<S: Service<RoleServer>>(
    fixture: Fixture,
    server: S,
    version: Option<&str>,
) -> Transcript {
    let mut raw = Raw::serve(server);
    let mut lines = Vec::new();
    if let Some(version) = version {
        lines.push(raw.initialize(version).await);
    }
    for (method, params) in every_request() {
        lines.extend(raw.call(method, params).await);
    }
    (lines, handled(&fixture))
}

/// The number of requests that were not refused: equal refusals would prove nothing.
fn results_in((lines, _): &Transcript) -> usize {
    lines.iter().filter(|line| line.contains("result")).count()
}

/// Notifications have no answer, and may come late.
fn handled(fixture: &Fixture) -> Vec<&'static str> {
    let mut calls = fixture.0.calls();
    calls.retain(|call| !call.starts_with("on_") || *call == "on_custom_request");
    calls
}

async fn compare_over_a_pipe(version: Option<&str>) {
    let bare = Fixture::default();
    let bare = over_a_pipe(bare.clone(), bare, version).await;
    assert_eq!(
        bare.0.len(),
        every_request().len() + usize::from(version.is_some())
    );

    assert!(results_in(&bare) >= 17, "{bare:#?}");

    let layered = Fixture::default();
    let handler = layers().catalog(catalog()).handler(layered.clone());
    assert_eq!(over_a_pipe(layered, handler, version).await, bare);

    let layered = Fixture::default();
    let service = layers().catalog(catalog()).service(layered.clone());
    let (answers, mut handled) = over_a_pipe(layered, service, version).await;
    // Here rmcp refuses a malformed skill only after the stack has looked it up.
    let looked_up = handled.iter().rposition(|call| *call == "list_skills");
    handled.remove(looked_up.unwrap());
    assert_eq!((answers, handled), bare);

    let layered = Fixture::default();
    let handler = Stack::new(Identity::new())
        .catalog(catalog())
        .handler(layered.clone());
    assert_eq!(over_a_pipe(layered, handler, version).await, bare);
}

#[tokio::test]
async fn over_a_pipe_as_of_2025_06_18() {
    compare_over_a_pipe(Some("2025-06-18")).await;
}

#[tokio::test]
async fn over_a_pipe_as_of_2025_11_25() {
    compare_over_a_pipe(Some("2025-11-25")).await;
}

#[tokio::test]
async fn over_a_pipe_as_of_2026_07_28() {
    compare_over_a_pipe(None).await;
}

#[tokio::test]
async fn every_method_of_the_handler_runs_once_for_each_request() {
    let fixture = Fixture::default();
    let handler = layers().catalog(catalog()).handler(fixture.clone());
    let (_, calls) = over_a_pipe(fixture, handler, Some("2025-11-25")).await;
    let expected = [
        "initialize",
        "discover",
        "ping",
        "complete",
        "set_level",
        "get_prompt",
        "list_prompts",
        "list_prompts",
        "list_resources",
        "list_resource_templates",
        "read_resource",
        "read_resource",
        "subscribe",
        "unsubscribe",
        "read_resource_directory",
        "list_tools",
    ];
    // `server/discover` needs `_meta`, which a legacy request lacks: rmcp refuses it by itself.
    let expected = expected.iter().filter(|method| **method != "discover");
    let mut expected: Vec<_> = expected.copied().collect();
    expected.extend(["call_tool"; 7]);
    // Params that rmcp cannot read make a custom request, and so do the tasks of 2025-11-25.
    expected.extend(["on_custom_request", "get_task", "update_task"]);
    expected.extend(["cancel_task", "on_custom_request", "list_skills"]);
    expected.extend(["get_skill", "on_custom_request"]);
    assert_eq!(calls, expected);
}

async fn serve_bare(fixture: &Fixture) -> http::Server {
    let fixture = fixture.clone();
    let service = StreamableHttpService::new(
        move || Ok(fixture.clone()),
        LocalSessionManager::default().into(),
        StreamableHttpServerConfig::default(),
    );
    http::serve(Router::new().fallback_service(service)).await
}

async fn serve_layered(fixture: &Fixture) -> http::Server {
    let fixture = fixture.clone();
    let service = layers().catalog(catalog()).http(
        move || fixture.clone(),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    http::serve(Router::new().fallback_service(service)).await
}

async fn over_http(fixture: Fixture, server: http::Server, version: Option<&str>) -> Transcript {
    let session = match version {
        Some(version) => server.open(version).await,
        None => String::new(),
    };
    let mut answers = Vec::new();
    for (method, params) in every_request() {
        let answer = match version {
            Some(version) => server.legacy(&session, version, method, params).await,
            None => {
                let region = [("mcp-param-region", "eu")];
                let echo = params["name"] == "echo";
                let extra: &[_] = if echo { &region } else { &[] };
                server.modern(method, params, extra).await
            }
        };
        let messages = answer.messages.iter().filter(|message| !message.is_null());
        let messages: Vec<_> = messages.map(Value::to_string).collect();
        answers.push(format!("{method}: {} {messages:?}", answer.status));
    }
    (answers, handled(&fixture))
}

async fn compare_over_http(version: Option<&str>) {
    let fixture = Fixture::default();
    let bare = serve_bare(&fixture).await;
    let bare = over_http(fixture, bare, version).await;
    assert!(bare.0.iter().all(|answer| answer.contains("jsonrpc")));
    assert!(results_in(&bare) >= 17, "{bare:#?}");

    let fixture = Fixture::default();
    let layered = serve_layered(&fixture).await;
    assert_eq!(over_http(fixture, layered, version).await, bare);
}

#[tokio::test]
async fn over_http_as_of_2025_11_25() {
    compare_over_http(Some("2025-11-25")).await;
}

#[tokio::test]
async fn over_http_as_of_2026_07_28() {
    compare_over_http(None).await;
}

async fn results(client: RunningService<RoleClient, ()>) -> Vec<Value> {
    let arguments = json!({ "region": "eu" }).as_object().unwrap().clone();
    let echo = CallToolRequestParams::new("echo").with_arguments(arguments);
    let gone = ReadResourceRequestParams::new("file:///gone");
    vec![
        json!(client.list_tools(None).await.unwrap()),
        json!(client.call_tool(echo).await.unwrap()),
        json!(client.list_prompts(None).await.unwrap()),
        json!(client.read_resource(gone).await.unwrap_err().to_string()),
        json!(client.peer_info().unwrap().instructions),
    ]
}

#[tokio::test]
async fn to_the_client_of_rmcp() {
    for modern in [false, true] {
        let bare = fixture::pipe::connect(Fixture::default(), (), modern).await;
        let bare = results(bare).await;

        let layered = layers().catalog(catalog()).handler(Fixture::default());
        let layered = fixture::pipe::connect(layered, (), modern).await;
        assert_eq!(results(layered).await, bare);

        let server = serve_layered(&Fixture::default()).await;
        assert_eq!(results(server.connect((), modern).await).await, bare);
    }
}

#[tokio::test]
async fn a_missing_resource_keeps_its_code_and_data_for_legacy_callers() {
    let mut raw = Raw::serve(layers().catalog(catalog()).handler(Fixture::default()));
    raw.initialize("2025-11-25").await;
    let answer = raw
        .ask("resources/read", json!({ "uri": "file:///gone" }))
        .await;
    assert_eq!(answer["error"]["code"], -32002);
    assert_eq!(answer["error"]["data"]["uri"], "file:///gone");
}

#[tokio::test]
async fn a_missing_resource_is_invalid_params_for_modern_callers() {
    let mut raw = Raw::serve(layers().catalog(catalog()).handler(Fixture::default()));
    let answer = raw
        .ask("resources/read", json!({ "uri": "file:///gone" }))
        .await;
    assert_eq!(answer["error"]["code"], -32602);
    assert_eq!(answer["error"]["data"]["uri"], "file:///gone");
}
