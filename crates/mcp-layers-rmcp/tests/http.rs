//! Layers around a server behind streamable HTTP.
#![cfg(all(feature = "client", feature = "http"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

mod fixture;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use axum::{Router, extract::Request, http::request::Parts, middleware};
use fixture::{Fixture, http, layers, pipe::connect, soon};
use mcp_layers_core::{
    Authentication, McpRequest, Method, Principal,
    request::{Connection, Transport},
};
use mcp_layers_rmcp::{Layered, RmcpLayers, RmcpRequest, Stack};
use mcp_layers_util::CancelLayer;
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, session::local::LocalSessionManager,
};
use serde_json::{Value, json};
use tower::util::MapRequestLayer;

fn echo() -> Value {
    json!({ "name": "echo", "arguments": { "region": "eu" } })
}

async fn serve(fixture: &Fixture) -> http::Server {
    let fixture = fixture.clone();
    let service = layers().http(
        move || fixture.clone(),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    http::serve(Router::new().fallback_service(service)).await
}

#[tokio::test]
async fn a_header_that_contradicts_the_body_is_rejected_before_the_handler() {
    let fixture = Fixture::default();
    let server = serve(&fixture).await;
    let contradicts = [("mcp-param-region", "us")];
    let answer = server.modern("tools/call", echo(), &contradicts).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.response()["error"]["code"], -32020);
    assert_eq!(fixture.0.count("call_tool"), 0);

    let agrees = [("mcp-param-region", "eu")];
    let answer = server.modern("tools/call", echo(), &agrees).await;
    assert_eq!(answer.status, 200);
    assert_eq!(fixture.0.count("call_tool"), 1);
}

#[tokio::test]
async fn a_question_to_the_client_comes_on_the_stream_of_the_request() {
    const VERSION: &str = "2025-11-25";
    let server = serve(&Fixture::default()).await;
    let session = server.open(VERSION).await;
    let call = json!({ "name": "sample", "arguments": {} });
    let mut stream = server.stream(&session, VERSION, "tools/call", call).await;

    let question = stream.next_message().await;
    assert_eq!(question["method"], "sampling/createMessage");
    let answer = json!({
        "jsonrpc": "2.0",
        "id": question["id"],
        "result": {
            "model": "model-7",
            "role": "assistant",
            "content": { "type": "text", "text": "Paris" },
        },
    });
    let headers = [
        ("mcp-session-id", &*session),
        ("mcp-protocol-version", VERSION),
    ];
    server.post(&headers, &answer).await;
    let result = stream.next_message().await;
    assert_eq!(result["result"]["content"][0]["text"], "model-7");
}

/// One request as a layer saw it.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    principal: Option<String>,
    path: Option<String>,
    transport: Option<Transport>,
    http_version: Option<String>,
    session: Option<String>,
    peer: Option<IpAddr>,
}

#[tokio::test]
async fn layers_see_the_http_request_and_the_principal_that_a_middleware_found() {
    let seen = Arc::new(Mutex::new(None));
    let tell = seen.clone();
    let stack = Stack::new(MapRequestLayer::new(move |request: RmcpRequest| {
        if request.method() == Method::CallTool {
            let connection: Connection<'_> = request.connection();
            let parts = request.extension::<Parts>();
            let principal = request.context().principal();
            *tell.lock().unwrap() = Some(Seen {
                principal: principal.map(|principal| principal.subject().to_owned()),
                path: parts.map(|parts| parts.uri.path().to_owned()),
                transport: connection.transport,
                http_version: connection.http_version.map(ToOwned::to_owned),
                session: connection.session_id.map(ToOwned::to_owned),
                peer: connection.peer_address,
            });
        }
        request
    }));
    let service = stack.http(
        Fixture::default,
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let authenticate = middleware::map_request(|mut request: Request| async move {
        let subject = request
            .headers()
            .get("x-user")
            .and_then(|user| user.to_str().ok());
        if let Some(subject) = subject {
            let principal = Arc::new(Principal::new(subject, Authentication::Bearer));
            request.extensions_mut().insert(principal);
        }
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 7));
        request.extensions_mut().insert(peer);
        request
    });
    let router = Router::new().fallback_service(service).layer(authenticate);
    let server = http::serve(router).await;

    let headers = [("mcp-param-region", "eu"), ("x-user", "ada")];
    server.modern("tools/call", echo(), &headers).await;
    let mut expected = Seen {
        principal: Some("ada".to_owned()),
        path: Some("/".to_owned()),
        transport: Some(Transport::Tcp),
        http_version: Some("1.1".to_owned()),
        session: None,
        peer: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    };
    assert_eq!(seen.lock().unwrap().take(), Some(expected.clone()));

    // A session keeps no principal: this request has none.
    let session = server.open("2025-11-25").await;
    server
        .legacy(&session, "2025-11-25", "tools/call", echo())
        .await;
    expected.principal = None;
    expected.session = Some(session);
    assert_eq!(seen.lock().unwrap().take(), Some(expected));
}

/// The client's address that layers read when `insert` puts something into the extensions.
async fn peer_address(
    insert: impl Fn(&mut axum::http::Extensions) + Clone + Send + Sync + 'static,
) -> Option<IpAddr> {
    let seen = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&seen);
    let stack = Stack::new(MapRequestLayer::new(move |request: RmcpRequest| {
        *tell.lock().unwrap() = request.connection().peer_address;
        request
    }));
    let service = stack.http(
        Fixture::default,
        Arc::<LocalSessionManager>::default(),
        Default::default(),
    );
    let insert = middleware::map_request(move |mut request: Request| {
        insert(request.extensions_mut());
        async { request }
    });
    let server = http::serve(Router::new().fallback_service(service).layer(insert)).await;
    server
        .modern("tools/call", echo(), &[("mcp-param-region", "eu")])
        .await;
    *seen.lock().unwrap()
}

#[tokio::test]
async fn the_address_of_the_client_is_found_in_every_usual_extension() {
    const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    const SOCKET: SocketAddr = SocketAddr::new(IP, 80);
    assert_eq!(peer_address(|_| ()).await, None);
    let found = peer_address(|extensions| {
        extensions.insert(SOCKET);
    })
    .await;
    assert_eq!(found, Some(IP));
    let found = peer_address(|extensions| {
        extensions.insert(IP);
    })
    .await;
    assert_eq!(found, Some(IP));
}

/// As `Router::into_make_service_with_connect_info` does it.
#[cfg(feature = "axum")]
#[tokio::test]
async fn the_address_of_the_client_is_found_behind_axum() {
    const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    let info = axum::extract::ConnectInfo(SocketAddr::new(IP, 80));
    let found = peer_address(move |extensions| {
        extensions.insert(info);
    })
    .await;
    assert_eq!(found, Some(IP));
}

/// Behind a reverse proxy, the peer is the proxy.
#[cfg(feature = "axum")]
#[tokio::test]
async fn an_address_that_a_layer_found_comes_before_that_of_the_peer() {
    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    let proxy = axum::extract::ConnectInfo(SocketAddr::from((Ipv4Addr::LOCALHOST, 80)));
    let found = peer_address(move |extensions| {
        extensions.insert(proxy);
        extensions.insert(CLIENT);
    })
    .await;
    assert_eq!(found, Some(CLIENT));
}

fn any_layers() -> impl RmcpLayers {
    CancelLayer::new()
}

#[tokio::test]
async fn a_function_that_returns_layers_serves_pipes_and_http() {
    let server = connect(Fixture::default().layered(any_layers()), (), true).await;
    assert_eq!(server.peer().list_tools(None).await.unwrap().tools.len(), 2);

    let service = Stack::new(any_layers()).http(
        Fixture::default,
        Arc::<LocalSessionManager>::default(),
        Default::default(),
    );
    let server = http::serve(Router::new().fallback_service(service)).await;
    let headers = [("mcp-param-region", "eu")];
    let answer = server.modern("tools/call", echo(), &headers).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_factory_that_fails_is_answered_with_status_500() {
    let fail = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&fail);
    let make = move || match fails.load(SeqCst) {
        false => Ok(Fixture::default()),
        true => Err(std::io::Error::other("no database")),
    };
    let service = Stack::new(any_layers()).try_http(
        make,
        Arc::<LocalSessionManager>::default(),
        Default::default(),
    );
    let server = http::serve(Router::new().fallback_service(service)).await;
    let headers = [("mcp-param-region", "eu")];
    let answer = server.modern("tools/call", echo(), &headers).await;
    assert_eq!(answer.status, 200);
    fail.store(true, SeqCst);
    let answer = server.modern("tools/call", echo(), &headers).await;
    assert_eq!(answer.status, 500);
}

#[tokio::test]
async fn one_stack_serves_every_session_and_every_request() {
    let (stacks, handlers, requests) =
        <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let (built, made, counted) = (stacks.clone(), handlers.clone(), requests.clone());
    let stack = Stack::new(tower::layer::layer_fn(move |leaf| {
        built.fetch_add(1, SeqCst);
        let counted = counted.clone();
        tower::util::MapRequest::new(leaf, move |request: RmcpRequest| {
            let tools = request.method() == Method::CallTool;
            counted.fetch_add(usize::from(tools), SeqCst);
            request
        })
    }));
    let service = stack.http(
        move || {
            made.fetch_add(1, SeqCst);
            Fixture::default()
        },
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let server = http::serve(Router::new().fallback_service(service)).await;
    let headers = [("mcp-param-region", "eu")];
    for _ in 0..3 {
        server.modern("tools/call", echo(), &headers).await;
    }
    for _ in 0..2 {
        let session = server.open("2025-11-25").await;
        server
            .legacy(&session, "2025-11-25", "tools/call", echo())
            .await;
    }
    assert!(handlers.load(SeqCst) >= 5);
    assert_eq!(stacks.load(SeqCst), 1);
    assert_eq!(requests.load(SeqCst), 5);
}

#[tokio::test]
async fn a_handler_whose_client_hung_up_is_dropped() {
    let fixture = Fixture::default();
    let handler = fixture.clone();
    // No timeout here: it would end the call too.
    let service = Stack::new(CancelLayer::new()).http(
        move || handler.clone(),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let server = http::serve(Router::new().fallback_service(service)).await;
    let call = json!({ "name": "hang", "arguments": {} });
    let stream = server.modern_stream("tools/call", call).await;
    soon(fixture.0.started.notified()).await;
    drop(stream);
    soon(fixture.0.dropped.notified()).await;
}
