//! The cache around `everything`: what runs once, what runs each time, and what is the same on the
//! wire.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use rmcp::{
    model::{ReadResourceRequestParams, ReadResourceResult, ResourceContents},
    transport::StreamableHttpClientTransport,
};
use serde_json::{Value, json};
use support::{
    Server,
    client::{Client, call, connect, lifecycles, stdio},
};

async fn client(server: &Server, generation: usize) -> Client {
    let transport = StreamableHttpClientTransport::from_uri(server.url());
    connect(transport, lifecycles()[generation].clone()).await.0
}

async fn read(client: &Client, uri: &str) -> String {
    let read: ReadResourceResult = client
        .read_resource(ReadResourceRequestParams::new(uri))
        .await
        .unwrap();
    let [ResourceContents::TextResourceContents { text, .. }] = &read.contents[..] else {
        panic!("{read:?}");
    };
    text.clone()
}

#[tokio::test]
async fn a_public_resource_that_two_clients_read_runs_once() {
    for generation in 0..2 {
        let server = Server::start(&["--with", "cache"]).await;
        for _ in 0..2 {
            let client = client(&server, generation).await;
            assert_eq!(read(&client, "test://public").await, "1");
        }
        // Without authentication nobody is known, and what is private or unmarked is not kept.
        for uri in ["test://private", "test://plain", "test://item/7"] {
            for run in ["1", "2"] {
                let client = client(&server, generation).await;
                assert_eq!(read(&client, uri).await, run, "{uri}");
            }
        }
    }
}

#[tokio::test]
async fn a_tool_runs_each_time_until_it_is_named() {
    for (flags, ticks) in [
        (&["--with", "cache"][..], ["1", "2", "3"]),
        (
            &["--with", "cache", "--cache-tool", "ticks"],
            ["1", "1", "1"],
        ),
    ] {
        for generation in 0..2 {
            let server = Server::start(flags).await;
            for (run, ticks) in ["1", "2", "3"].into_iter().zip(ticks) {
                let client = client(&server, generation).await;
                assert_eq!(call(&client, "ticks", Value::Null).await, ticks);
                assert_eq!(call(&client, "count", Value::Null).await, run);
            }
        }
    }
}

#[tokio::test]
async fn touch_empties_what_it_announces_and_nothing_else() {
    let flags = ["--with", "cache", "--cache-tool", "ticks"];
    for generation in 0..2 {
        let server = Server::start(&flags).await;
        let (stdio, _) = connect(stdio(&flags), lifecycles()[generation].clone()).await;
        for http in [true, false] {
            // A client of its own for each read: rmcp's keeps what hints allow it to keep.
            for (public, touch) in [("1", false), ("1", true), ("2", true), ("3", false)] {
                let other = client(&server, generation).await;
                let client = if http { &other } else { &stdio };
                if http {
                    assert_eq!(read(client, "test://public").await, public);
                }
                let ticks = call(client, "ticks", Value::Null).await;
                assert_eq!(ticks, "1", "{generation} {http} {public}");
                if touch {
                    assert_eq!(call(client, "touch", Value::Null).await, "touched");
                }
            }
        }
    }
}

/// The body of a request's answer, as it is on the wire.
async fn post(server: &Server, headers: &[(&str, &str)], message: &Value) -> (String, String) {
    let client = reqwest_like::post(&server.address, headers, &message.to_string()).await;
    let (head, body) = client.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

mod reqwest_like {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    pub(super) async fn post(address: &str, headers: &[(&str, &str)], body: &str) -> String {
        let extra: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
             {extra}content-length: {}\r\n\r\n{body}",
            body.len(),
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// The line of an event stream that has the response, without its `ttlMs`.
fn without_ttl(body: &str) -> (String, u64) {
    let line = body
        .lines()
        .find(|line| line.contains("\"result\""))
        .unwrap_or_else(|| panic!("no result in {body}"));
    let (before, after) = line.split_once("\"ttlMs\":").expect("a hint");
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let (ttl, after) = after.split_at(digits);
    (format!("{before}{after}"), ttl.parse().unwrap())
}

#[tokio::test]
async fn a_hit_is_the_same_bytes_as_a_miss_but_for_its_time_to_live() {
    let server = Server::start(&["--with", "cache"]).await;
    let legacy = json!({ "uri": "test://public" });
    let modern = json!({
        "uri": "test://public",
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "wire", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    });
    let initialize = json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "wire", "version": "1" },
        },
    });
    let (head, _) = post(&server, &[], &initialize).await;
    let session = head
        .lines()
        .find_map(|line| line.strip_prefix("mcp-session-id: "))
        .unwrap()
        .to_owned();
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let of_session = [
        ("mcp-session-id", session.as_str()),
        ("mcp-protocol-version", "2025-11-25"),
    ];
    post(&server, &of_session, &initialized).await;
    let stateless = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "resources/read"),
        ("mcp-name", "test://public"),
    ];
    for (headers, params) in [(&of_session[..], legacy), (&stateless, modern)] {
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": params });
        let (_, miss) = post(&server, headers, &message).await;
        let (_, hit) = post(&server, headers, &message).await;
        let ((miss, fresh), (hit, left)) = (without_ttl(&miss), without_ttl(&hit));
        assert_eq!(miss, hit);
        assert_eq!(fresh, 60_000);
        assert!(left <= fresh, "{left}");
    }
}
