//! `everything --with auth` and a server of rmcp behind the layers: by rmcp's own client, and by the
//! bytes on the wire.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use mcp_layers::{
    Authentication, Principal,
    authenticate::{ApiKeys, AuthenticateLayer},
    authorize::{Access, AuthorizeHttpLayer, AuthorizeLayer, Rules},
    http::Challenge,
    rmcp::Stack,
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::*,
    service::RequestContext,
    transport::{
        StreamableHttpClientTransport, StreamableHttpServerConfig,
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Value, json};
use support::{
    PATIENCE, Server,
    client::{Client, call, connect, lifecycles, stdio, try_call},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tower::ServiceBuilder;

/// rmcp's client, with a token in each request.
async fn client(server: &Server, token: &str, lifecycle: rmcp::ClientLifecycleMode) -> Client {
    let config = StreamableHttpClientTransportConfig::with_uri(server.url()).auth_header(token);
    let (client, _) = connect(
        StreamableHttpClientTransport::from_config(config),
        lifecycle,
    )
    .await;
    client
}

async fn tools(client: &Client) -> Vec<String> {
    let tools = client.list_all_tools().await.unwrap();
    tools.iter().map(|tool| tool.name.to_string()).collect()
}

#[tokio::test]
async fn clients_with_tokens_see_different_lists_and_the_handler_sees_no_token() {
    let server = Server::start(&["--with", "auth,timing"]).await;
    for lifecycle in lifecycles() {
        for (token, principal, is_root) in [
            ("key-a", "a", false),
            ("key-b", "b", false),
            ("key-root", "root", true),
        ] {
            let client = client(&server, token, lifecycle.clone()).await;
            let tools = tools(&client).await;
            assert_eq!(
                tools.contains(&"admin_reset".to_owned()),
                is_root,
                "{token}"
            );
            assert_eq!(tools.len(), if is_root { 15 } else { 14 });
            let reset = try_call(&client, "admin_reset", Value::Null).await;
            assert_eq!(reset.err(), (!is_root).then_some(-32602), "{token}");
            assert_eq!(call(&client, "echo", json!({ "text": "hi" })).await, "hi");

            let caller = try_call(&client, "whoami", Value::Null).await.unwrap();
            let caller = caller.structured_content.unwrap();
            assert_eq!(caller["principal"], principal);
            // The credential goes no further than the edge.
            let headers = caller["headers"].as_array().unwrap();
            assert!(!headers.contains(&json!("authorization")), "{headers:?}");
            assert!(!caller.to_string().contains(token), "{caller}");
            client.cancel().await.unwrap();
        }
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let server = Server::start(&["--with", "auth"]).await;
    let body = message("initialize", &json!({}));
    for headers in [
        vec![],
        vec![("authorization", "Bearer wrong")],
        vec![("authorization", "Basic key-a")],
        vec![("x-api-key", "key-a")],
    ] {
        let answer = send(&server.address, "POST", &headers, &body).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        let challenge = "www-authenticate: Bearer ";
        assert!(
            answer.contains(challenge) && answer.contains("resource_metadata="),
            "{answer}"
        );
    }
    let metadata = server
        .page("/.well-known/oauth-protected-resource/mcp")
        .await;
    assert!(
        metadata.contains(&format!("\"resource\":\"{}\"", server.url())),
        "{metadata}"
    );
}

#[tokio::test]
async fn over_standard_input_the_caller_is_local_and_may_do_everything() {
    for lifecycle in lifecycles() {
        let (client, _) = connect(stdio(&["--with", "auth"]), lifecycle).await;
        assert_eq!(tools(&client).await.len(), 15);
        assert_eq!(call(&client, "admin_reset", Value::Null).await, "reset");
        let caller = try_call(&client, "whoami", Value::Null).await.unwrap();
        assert_eq!(caller.structured_content.unwrap()["principal"], "local");
    }
}

#[tokio::test]
async fn a_session_of_somebody_else_is_not_found_and_its_owner_goes_on() {
    let server = Server::start(&["--with", "auth"]).await;
    let a = [("authorization", "Bearer key-a")];
    let b = ("authorization", "Bearer key-b");
    let initialize = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "wire", "version": "1" },
    });
    let opened = send(
        &server.address,
        "POST",
        &a,
        &message("initialize", &initialize),
    )
    .await;
    let session = opened
        .lines()
        .find_map(|line| line.strip_prefix("mcp-session-id: "));
    let session = session.expect(&opened).to_owned();
    let version = ("mcp-protocol-version", "2025-11-25");
    let list = message("tools/list", &json!({}));
    // rmcp answers a DELETE of an unknown session as it answers that of a known one.
    for (method, body, status) in [("POST", &*list, 404), ("GET", "", 404), ("DELETE", "", 202)] {
        let foreign = [b, ("mcp-session-id", &*session), version];
        let foreign = send(&server.address, method, &foreign, body).await;
        let unknown = [b, ("mcp-session-id", "no-such-session"), version];
        let unknown = send(&server.address, method, &unknown, body).await;
        let expected = format!("HTTP/1.1 {status}");
        assert!(foreign.starts_with(&expected), "{foreign}");
        assert_eq!(foreign, unknown, "{method}");
    }
    let own = [a[0], ("mcp-session-id", &*session), version];
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let answer = send(&server.address, "POST", &own, &initialized.to_string()).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let answer = send(&server.address, "DELETE", &own, "").await;
    assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
}

/// A tool whose argument is repeated in a header, so that rmcp looks at its schema before any layer.
#[derive(Clone)]
struct Handler;

impl Handler {
    fn tools() -> Vec<Tool> {
        let schema = json!({
            "type": "object",
            "properties": { "region": { "type": "string", "x-mcp-header": "Region" } },
        });
        let schema = Arc::new(schema.as_object().cloned().unwrap());
        ["echo", "pay", "admin_reset"]
            .map(|name| Tool::new(name, name, Arc::clone(&schema)))
            .into()
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        Self::tools().into_iter().find(|tool| tool.name == name)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(Self::tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        match self.get_tool(&request.name) {
            Some(tool) => Ok(CallToolResult::success(vec![ContentBlock::text(tool.name)]).into()),
            None => {
                let text = format!("there is no {}", request.name);
                Err(ErrorData::invalid_params(
                    text,
                    Some(json!({ "name": request.name })),
                ))
            }
        }
    }
}

/// The handler behind every layer of this crate.
async fn serve() -> SocketAddr {
    let rules = Rules::builder()
        .tool("*", Access::scopes(["tools"]))
        .tool("pay", Access::scopes(["tools", "money"]))
        .tool("admin_*", Access::scopes(["admin"]).hidden())
        .build();
    let authorize = AuthorizeLayer::new(rules.unwrap());
    let ada = Principal::new("ada", Authentication::ApiKey).with_scopes(["tools"]);
    let authenticate = AuthenticateLayer::new(ApiKeys::new().with_key("key", ada).unwrap());
    let metadata = "https://mcp.example/.well-known/oauth-protected-resource";
    let challenge = Challenge::new().with_resource_metadata(metadata).unwrap();
    let edge = AuthorizeHttpLayer::new(&authorize).challenge(challenge);
    let service = Stack::new(authorize).http(
        || Handler,
        Arc::<rmcp::transport::streamable_http_server::session::local::LocalSessionManager>::default(),
        StreamableHttpServerConfig::default(),
    );
    let router = Router::new()
        .nest_service("/mcp", service)
        .layer(ServiceBuilder::new().layer(authenticate).layer(edge));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A `tools/call` of 2026-07-28 whose headers name this tool and this region.
async fn modern(address: SocketAddr, tool: &str, named: &str, region: Option<&str>) -> String {
    let body = json!({
        "name": tool,
        "arguments": { "region": "eu" },
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "wire", "version": "1" },
        },
    });
    let mut headers = vec![
        ("authorization", "Bearer key"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", named),
    ];
    headers.extend(region.map(|region| ("mcp-param-region", region)));
    send(
        &address.to_string(),
        "POST",
        &headers,
        &message("tools/call", &body),
    )
    .await
}

#[tokio::test]
async fn a_hidden_tool_is_an_unknown_one_on_the_wire() {
    let address = serve().await;
    for region in [None, Some("eu"), Some("us")] {
        let hidden = modern(address, "admin_reset", "admin_reset", region).await;
        assert!(
            hidden.contains("-32602") && hidden.contains("Unknown tool"),
            "{hidden}"
        );
        for other in [
            "nope",
            "Admin_reset",
            "ADMIN_RESET",
            "admin_reset2",
            "admin_",
            "xadmin_reset",
        ] {
            let unknown = modern(address, other, other, region).await;
            assert_eq!(hidden, unknown, "{other} {region:?}");
        }
    }
    let visible = modern(address, "echo", "echo", Some("eu")).await;
    assert!(visible.contains("\"text\":\"echo\""), "{visible}");
}

#[tokio::test]
async fn a_denial_on_the_wire_is_403_with_a_challenge() {
    let address = serve().await;
    let answer = modern(address, "pay", "pay", Some("eu")).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let challenge = "www-authenticate: Bearer error=\"insufficient_scope\", scope=\"tools money\", \
                     resource_metadata=\"https://mcp.example/.well-known/oauth-protected-resource\"";
    assert!(answer.contains(challenge), "{answer}");
    assert!(answer.contains("\"missingScopes\":[\"money\"]"), "{answer}");
}

#[tokio::test]
async fn headers_that_contradict_the_body_open_nothing() {
    let address = serve().await;
    // The header names what is allowed, the body what is not: the body decides.
    let denied = modern(address, "pay", "echo", Some("eu")).await;
    assert!(denied.starts_with("HTTP/1.1 403"), "{denied}");
    // The body is allowed: the contradiction itself is refused.
    for (named, region) in [("pay", "eu"), ("admin_reset", "eu"), ("echo", "us")] {
        let refused = modern(address, "echo", named, Some(region)).await;
        assert!(
            refused.starts_with("HTTP/1.1 400") && refused.contains("-32020"),
            "{refused}"
        );
    }
    let hidden = modern(address, "admin_reset", "echo", Some("eu")).await;
    let unknown = modern(address, "does_not_be", "echo", Some("eu")).await;
    assert!(
        hidden.starts_with("HTTP/1.1 400") && hidden.contains("-32020"),
        "{hidden}"
    );
    assert_eq!(hidden.replace("admin_reset", "does_not_be"), unknown);
}

fn message(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

/// The whole answer as it came, without its date.
async fn send(address: &str, method: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut request = format!(
        "{method} /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         Content-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(format!("{request}\r\n{body}").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    timeout(PATIENCE, read).await.expect("an answer").unwrap();
    let lines = answer.lines().filter(|line| !line.starts_with("date: "));
    lines.collect::<Vec<_>>().join("\n")
}
