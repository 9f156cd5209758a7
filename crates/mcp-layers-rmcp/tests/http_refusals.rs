//! An upstream's HTTP statuses 401, 403 and 429, as the calling side sees them.
// Older clients of rmcp report a refusal in other words, which stay errors of the service.
#![cfg(all(feature = "client", feature = "http", feature = "rmcp-3-9"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

mod fixture;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use fixture::{Fixture, http};
use mcp_layers_core::McpError;
use mcp_layers_rmcp::{LayeredClient, Stack};
use rmcp::{
    model::CallToolRequestParams,
    transport::streamable_http_server::session::local::LocalSessionManager,
};
use serde_json::{Value, json};
use tower::layer::util::Identity;

const SIGN_IN: &str = r#"Bearer resource_metadata="https://mcp.example/meta""#;
const STEP_UP: &str = r#"Bearer error="insufficient_scope", scope="tools:read tools:write""#;

/// Refuses calls by the tool's name, before they reach the server.
async fn refuse(request: Request, next: Next) -> Response {
    let name = request.headers().get("mcp-name");
    let (status, header) = match name.map(HeaderValue::as_bytes) {
        Some(b"sign_in") => (401, Some(("www-authenticate", SIGN_IN))),
        Some(b"step_up") => (403, Some(("www-authenticate", STEP_UP))),
        Some(b"unauthorized") => (401, None),
        Some(b"forbidden") => (403, None),
        Some(b"busy") => (429, Some(("retry-after", "7"))),
        Some(b"broken") => (500, None),
        _ => return next.run(request).await,
    };
    let headers: HeaderMap = header
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    (StatusCode::from_u16(status).unwrap(), headers, "Refused").into_response()
}

/// The error that a call of this tool ends with.
async fn error_of(tool: &'static str) -> McpError {
    let service = Stack::new(Identity::new()).http(
        Fixture::default,
        Arc::<LocalSessionManager>::default(),
        Default::default(),
    );
    let router = Router::new().fallback_service(service);
    let server = http::serve(router.layer(middleware::from_fn(refuse))).await;
    let running = server.connect((), true).await;
    let client = LayeredClient::new(running.peer().clone(), Identity::new());
    let params = CallToolRequestParams::new(tool);
    client.call_tool(params).await.unwrap_err()
}

fn data(error: &McpError) -> Value {
    error.data.clone().unwrap_or_default()
}

#[tokio::test]
async fn a_401_carries_its_challenge() {
    let error = error_of("sign_in").await;
    assert_eq!(error.code, 401);
    let expected = json!({ "reason": "unauthenticated", "wwwAuthenticate": SIGN_IN });
    assert_eq!(data(&error), expected);
}

#[tokio::test]
async fn a_403_names_the_scopes_for_a_step_up() {
    let error = error_of("step_up").await;
    assert_eq!(error.code, 403);
    assert!(error.message.contains("tools:write"), "{error}");
    let expected = json!({
        "reason": "forbidden",
        "wwwAuthenticate": STEP_UP,
        "requiredScopes": ["tools:read", "tools:write"],
    });
    assert_eq!(data(&error), expected);
}

#[tokio::test]
async fn a_401_or_403_without_a_challenge_keeps_its_code() {
    assert_eq!(error_of("unauthorized").await.code, 401);
    assert_eq!(error_of("forbidden").await.code, 403);
}

#[tokio::test]
async fn a_429_is_a_refusal_that_may_be_repeated() {
    let error = error_of("busy").await;
    assert_eq!(error.code, 429);
    assert_eq!(data(&error), json!({ "reason": "rate_limited" }));
}

#[tokio::test]
async fn another_status_stays_a_failure_of_the_transport() {
    assert_eq!(error_of("broken").await.code, -32603);
}
