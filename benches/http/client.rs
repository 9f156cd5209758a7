//! As little of an HTTP client as there can be: what it costs is taken from the servers.

use std::net::SocketAddr;

use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{TOKEN, params};

/// Kept-alive connections, which all send the same request.
pub(crate) struct Client {
    connections: Vec<TcpStream>,
    request: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, connections: usize) -> Self {
        let connections = (0..connections).map(|_| async {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            stream
        });
        Self {
            connections: join_all(connections).await,
            request: request(),
        }
    }

    /// Sends so many requests over each connection, one after the other's answer.
    pub(crate) async fn send(&mut self, requests: usize) {
        let request = self.request.as_bytes();
        let connections = self.connections.iter_mut();
        let mut sending: FuturesUnordered<_> = connections
            .map(|stream| async move {
                let mut answer = Vec::with_capacity(4096);
                for _ in 0..requests {
                    stream.write_all(request).await.unwrap();
                    answer.clear();
                    while !is_whole(&answer) {
                        let read = stream.read_buf(&mut answer).await.unwrap();
                        assert!(read > 0, "the server hung up");
                    }
                    check(&answer);
                }
            })
            .collect();
        while sending.next().await.is_some() {}
    }
}

/// A `tools/call` of 2026-07-28, with a bearer token that every server is sent.
fn request() -> String {
    let mut params = serde_json::to_value(params()).unwrap();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
    });
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params });
    let body = body.to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nAuthorization: Bearer {TOKEN}\r\n\
         Mcp-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: dig\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len(),
    )
}

/// An answer is JSON with a length, or a stream of events, which ends with an empty chunk.
fn is_whole(answer: &[u8]) -> bool {
    let text = str::from_utf8(answer).unwrap_or_default();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let mut lines = head.lines();
    match lines.find_map(|line| line.strip_prefix("content-length: ")) {
        Some(length) => length.parse() == Ok(body.len()),
        None => body.ends_with("\r\n0\r\n\r\n"),
    }
}

fn check(answer: &[u8]) {
    let answer = str::from_utf8(answer).unwrap();
    let is_result = answer.starts_with("HTTP/1.1 200") && answer.contains("Seven layers");
    assert!(is_result, "{answer}");
}
