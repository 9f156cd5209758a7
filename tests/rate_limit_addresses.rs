//! The address limit in front of rmcp's HTTP server, over real connections: before authentication,
//! behind a reverse proxy, and with the address passed on to the layers inside.
#![allow(clippy::unwrap_used)]

use std::{
    net::SocketAddr,
    num::{NonZeroU8, NonZeroU32},
    sync::Arc,
};

use axum::Router;
use mcp_layers_rate_limit::{AddressLimitLayer, KeyComponent, Quota, RateLimitLayer, Rule};
use mcp_layers_rmcp::Stack;
use reqwest::{Response, StatusCode, header::RETRY_AFTER};
use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ErrorCode, ServerCapabilities,
        ServerConfig,
    },
    service::{RequestContext, ServiceError},
    transport::{
        StreamableHttpClientTransport, StreamableHttpServerConfig, StreamableHttpService,
        streamable_http_client::StreamableHttpClientTransportConfig,
        streamable_http_server::session::local::LocalSessionManager,
    },
};
use serde_json::json;
use tokio::net::TcpListener;

#[derive(Clone)]
struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResult::success(Vec::new()).into())
    }
}

fn per_hour(calls: u32) -> Quota {
    Quota::per_hour(NonZeroU32::new(calls).unwrap())
}

/// A server with a limit of HTTP requests an hour from each address and, inside, one of tool calls.
async fn serve(requests: u32, calls: u32, hops: Option<NonZeroU8>) -> String {
    let by_address = Rule::new("by-address", per_hour(calls))
        .key([KeyComponent::ClientAddress])
        .tools(["*"]);
    let stack = Stack::new(RateLimitLayer::new([by_address]).unwrap());
    let service = StreamableHttpService::new(
        move || Ok(stack.handler(Echo)),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    // Without a setting, it finds the peer where axum leaves it.
    let limit = AddressLimitLayer::new(per_hour(requests));
    let limit = match hops {
        Some(hops) => limit.trusted_hops(hops),
        None => limit,
    };
    let router = Router::new().nest_service("/mcp", service).layer(limit);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    url
}

async fn initialize(url: &str, forwarded_for: &str) -> Response {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    }});
    let request = reqwest::Client::new()
        .post(url)
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .header("x-forwarded-for", forwarded_for)
        .body(body.to_string());
    request.send().await.unwrap()
}

#[tokio::test]
async fn an_address_over_its_limit_is_told_when_to_try_again() {
    let url = serve(2, 100, NonZeroU8::new(1)).await;
    // What stands further left, a client can have written itself.
    for invented in ["203.0.113.1, ", "203.0.113.2, "] {
        let passed = initialize(&url, &format!("{invented}198.51.100.7")).await;
        assert_eq!(passed.status(), StatusCode::OK);
    }
    let refused = initialize(&url, "203.0.113.3, 198.51.100.7").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = refused.headers()[RETRY_AFTER]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1_700..=1_800).contains(&seconds), "{seconds}");
    assert_eq!(refused.text().await.unwrap(), "");
    // Somebody else, and one site of IPv6 however many addresses it has.
    let other = initialize(&url, "198.51.100.8").await;
    assert_eq!(other.status(), StatusCode::OK);
    for (address, expected) in [
        ("2001:db8:0:1::1", StatusCode::OK),
        ("2001:db8:0:1::2", StatusCode::OK),
        ("2001:db8:0:1::3", StatusCode::TOO_MANY_REQUESTS),
        ("2001:db8:0:2::1", StatusCode::OK),
    ] {
        assert_eq!(
            initialize(&url, address).await.status(),
            expected,
            "{address}"
        );
    }
}

#[tokio::test]
async fn without_trusted_hops_the_header_is_ignored() {
    let url = serve(2, 100, None).await;
    for (address, expected) in [
        ("198.51.100.1", StatusCode::OK),
        ("198.51.100.2", StatusCode::OK),
        ("198.51.100.3", StatusCode::TOO_MANY_REQUESTS),
    ] {
        assert_eq!(
            initialize(&url, address).await.status(),
            expected,
            "{address}"
        );
    }
}

#[tokio::test]
async fn the_address_is_passed_on_to_the_limit_inside() {
    let url = serve(1_000, 2, NonZeroU8::new(1)).await;
    let call = async |address: &str| {
        let headers = [(
            reqwest::header::HeaderName::from_static("x-forwarded-for"),
            address.parse().unwrap(),
        )];
        let config = StreamableHttpClientTransportConfig::with_uri(&*url)
            .custom_headers(headers.into_iter().collect());
        let transport = StreamableHttpClientTransport::from_config(config);
        let client = ().serve(transport).await.unwrap();
        let answer = client.call_tool(CallToolRequestParams::new("echo")).await;
        client.cancel().await.unwrap();
        answer
    };
    for _ in 0..2 {
        assert!(call("198.51.100.7").await.is_ok());
    }
    let Err(ServiceError::McpError(error)) = call("198.51.100.7").await else {
        panic!("it is beyond the limit");
    };
    assert_eq!(error.code, ErrorCode(429));
    assert_eq!(error.data.unwrap()["rule"], "by-address");
    assert!(call("198.51.100.8").await.is_ok());
}
