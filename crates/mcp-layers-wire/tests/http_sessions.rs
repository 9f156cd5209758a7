//! The view that layers have of a client, its session and its connection.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod http_support;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_support::{Http, Stack, answer, call, in_session, layer, modern_call, post, send};
use mcp_layers_core::{
    Authentication, McpRequest, Principal,
    request::{Transport, meta_key},
};
use mcp_layers_wire::WireLayer;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

#[derive(Debug, Default, PartialEq)]
struct Seen {
    version: Option<String>,
    client: Option<String>,
    capabilities: Option<Value>,
    session: Option<String>,
    address: Option<IpAddr>,
    http_version: Option<String>,
    transport: Option<Transport>,
    subject: Option<String>,
    extension: Option<u8>,
}

/// A layer that notes what it sees of each request.
fn sees() -> (WireLayer<impl Stack>, UnboundedReceiver<Seen>) {
    let (to_test, seen) = unbounded_channel();
    let layer = layer(move |leaf, request| {
        let connection = request.connection();
        let seen = Seen {
            version: request.protocol_version().map(std::borrow::Cow::into_owned),
            client: request.client_info().map(|info| info.name.into_owned()),
            capabilities: request.declared(meta_key::CLIENT_CAPABILITIES).cloned(),
            session: connection.session_id.map(str::to_owned),
            address: connection.peer_address,
            http_version: connection.http_version.map(str::to_owned),
            transport: connection.transport,
            subject: request
                .context()
                .principal()
                .map(|one| one.subject().to_owned()),
            extension: request.extension::<u8>().copied(),
        };
        to_test.send(seen).unwrap();
        async move { Ok(send(leaf, request).await?) }
    });
    (WireLayer::new(layer), seen)
}

fn initialize(name: &str) -> Request<Bytes> {
    let params = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": { "roots": {} },
        "clientInfo": { "name": name, "version": "1" },
    });
    post(json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }).to_string())
}

/// Opens a session, in JSON or in a stream.
async fn open(http: &mut Http, session: &str, request: Request<Bytes>, in_stream: bool) {
    let reply = http.send(request);
    let result = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-03-26"}}"#;
    let incoming = http.incoming().await;
    if in_stream {
        let events = incoming.stream_with(&[("mcp-session-id", session)]);
        events.message(result).await;
    } else {
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("mcp-session-id", session);
        incoming.reply(response.body(result).unwrap());
    }
    let mut reply = reply.await.unwrap();
    assert_eq!(reply.headers["mcp-session-id"], session);
    reply.text().await;
}

/// Sends a request that layers see.
async fn exchange(http: &mut Http, request: Request<Bytes>) {
    let reply = http.send(request);
    http.incoming().await.json(answer("1", "x"));
    reply.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_session_remembers_its_initialize() {
    for in_stream in [false, true] {
        let (layer, mut seen) = sees();
        let mut http = Http::new(layer);
        open(&mut http, "s", initialize("one"), in_stream).await;
        let first = seen.recv().await.unwrap();
        assert_eq!(first.version.as_deref(), Some("2025-06-18"));
        assert_eq!(first.client.as_deref(), Some("one"));
        assert_eq!(first.session, None);

        // The version that both agreed on, whatever the header says.
        exchange(&mut http, in_session("s", post(call("1", "echo")))).await;
        let next = seen.recv().await.unwrap();
        assert_eq!(next.version.as_deref(), Some("2025-03-26"));
        assert_eq!(next.client.as_deref(), Some("one"));
        assert_eq!(next.capabilities, Some(json!({ "roots": {} })));
        assert_eq!(next.session.as_deref(), Some("s"));

        // Another session is unknown: what its header says is all there is.
        exchange(&mut http, in_session("t", post(call("1", "echo")))).await;
        let other = seen.recv().await.unwrap();
        assert_eq!(other.version.as_deref(), Some("2025-11-25"));
        assert_eq!((other.client, other.capabilities), (None, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_the_client_ends_is_forgotten() {
    let (layer, mut seen) = sees();
    let mut http = Http::new(layer);
    open(&mut http, "s", initialize("one"), false).await;
    seen.recv().await.unwrap();
    for (status, client) in [(405, Some("one".to_owned())), (200, None)] {
        let delete = Request::builder().method("DELETE").body(Bytes::new());
        let reply = http.send(in_session("s", delete.unwrap()));
        http.incoming().await.status(status, "text/plain", "");
        reply.await.unwrap();
        exchange(&mut http, in_session("s", post(call("1", "echo")))).await;
        assert_eq!(seen.recv().await.unwrap().client, client);
    }
}

#[tokio::test(start_paused = true)]
async fn the_number_of_sessions_is_bounded() {
    let (layer, mut seen) = sees();
    let mut http = Http::new(layer.max_sessions(2).unwrap());
    for name in ["a", "b", "c"] {
        open(&mut http, name, initialize(name), false).await;
        seen.recv().await.unwrap();
    }
    for (name, client) in [("a", None), ("b", Some("b")), ("c", Some("c"))] {
        exchange(&mut http, in_session(name, post(call("1", "echo")))).await;
        assert_eq!(seen.recv().await.unwrap().client.as_deref(), client);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_of_the_principal_that_opened_it() {
    let (layer, mut seen) = sees();
    let mut http = Http::new(layer);
    let of = |name: &str, mut request: Request<Bytes>| {
        let principal = Arc::new(Principal::new(name, Authentication::Bearer));
        request.extensions_mut().insert(principal);
        request
    };
    open(&mut http, "s", of("ada", initialize("one")), false).await;
    assert_eq!(seen.recv().await.unwrap().subject.as_deref(), Some("ada"));
    for (name, client) in [("eve", None), ("ada", Some("one"))] {
        let request = in_session("s", post(call("1", "echo")));
        exchange(&mut http, of(name, request)).await;
        let found = seen.recv().await.unwrap();
        assert_eq!(found.subject.as_deref(), Some(name));
        assert_eq!(found.client.as_deref(), client);
    }
}

#[tokio::test(start_paused = true)]
async fn layers_see_the_connection_and_the_extensions_of_the_request() {
    let (layer, mut seen) = sees();
    let mut http = Http::new(layer);
    let mut request = post(modern_call("1", "echo"));
    *request.version_mut() = Version::HTTP_2;
    let extensions = request.extensions_mut();
    extensions.insert(SocketAddr::from(([10, 0, 0, 1], 5)));
    extensions.insert(Principal::new("ada", Authentication::Bearer));
    extensions.insert(7_u8);
    exchange(&mut http, request).await;
    let expected = Seen {
        version: Some("2026-07-28".into()),
        address: Some([10, 0, 0, 1].into()),
        http_version: Some("2".into()),
        transport: Some(Transport::Tcp),
        subject: Some("ada".into()),
        extension: Some(7),
        ..Seen::default()
    };
    assert_eq!(seen.recv().await.unwrap(), expected);
    #[cfg(feature = "axum")]
    {
        let mut request = post(call("1", "echo"));
        let address = SocketAddr::from(([10, 0, 0, 3], 5));
        request
            .extensions_mut()
            .insert(axum::extract::ConnectInfo(address));
        exchange(&mut http, request).await;
        let found = seen.recv().await.unwrap();
        assert_eq!(found.address, Some([10, 0, 0, 3].into()));
    }
    let mut request = post(call("1", "echo"));
    *request.version_mut() = Version::HTTP_3;
    request.extensions_mut().insert(IpAddr::from([10, 0, 0, 2]));
    // Behind a reverse proxy the peer is the proxy, and a layer has found the client.
    #[cfg(feature = "axum")]
    {
        let proxy = SocketAddr::from(([10, 0, 0, 3], 5));
        let proxy = axum::extract::ConnectInfo(proxy);
        request.extensions_mut().insert(proxy);
    }
    exchange(&mut http, request).await;
    let found = seen.recv().await.unwrap();
    assert_eq!(found.transport, Some(Transport::Quic));
    assert_eq!(found.address, Some([10, 0, 0, 2].into()));
}
