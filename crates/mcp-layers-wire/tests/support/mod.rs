//! A client and a server played by hand, with a pipe between them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test program uses its part of it"
)]

use std::{io, time::Duration};

use mcp_layers_core::{BoxError, Catalog, JsonRpcRequest, JsonRpcResponse};
use mcp_layers_util::CancelLayer;
use mcp_layers_wire::{Leaf, Pipe, WireService};
use serde_json::Value;
use tokio::{
    io::{
        AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf, duplex, split,
    },
    task::JoinHandle,
    time::timeout,
};
use tower::{Layer, Service};

/// The most time for anything. With paused time it passes at once when nothing else can happen.
pub const PATIENCE: Duration = Duration::from_secs(3600);

/// One side of the pipe: what it gets, line by line, and what it sends.
pub struct Side {
    lines: BufReader<ReadHalf<DuplexStream>>,
    out: Option<WriteHalf<DuplexStream>>,
}

impl Side {
    fn new(stream: DuplexStream) -> Self {
        let (lines, out) = split(stream);
        Self {
            lines: BufReader::new(lines),
            out: Some(out),
        }
    }

    pub async fn send(&mut self, line: impl AsRef<[u8]>) {
        self.write(line).await;
        self.write("\n").await;
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let out = self.out.as_mut().unwrap();
        let written = timeout(PATIENCE, out.write_all(bytes.as_ref())).await;
        written.expect("in time").unwrap();
    }

    /// The next line; `None` at the end.
    pub async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.lines.read_line(&mut line)).await;
        let read = read.expect("in time").unwrap();
        (read > 0).then(|| line.trim_end_matches('\n').to_owned())
    }

    /// The next line as JSON.
    pub async fn json(&mut self) -> Value {
        let line = self.line().await.expect("a line");
        serde_json::from_str(&line).expect(&line)
    }

    /// Closes what it sends, and keeps reading.
    pub async fn close(&mut self) {
        self.out.take().unwrap().shutdown().await.unwrap();
    }
}

/// A client and a server, with layers between them.
pub struct Wire {
    pub client: Side,
    pub server: Side,
    pub run: JoinHandle<io::Result<()>>,
}

impl Wire {
    pub fn new<S: WireService>(pipe: Pipe<S>) -> Self {
        let pipe = pipe.catalog(Catalog::new().with_tools(["echo", "slow"]));
        let (client, to_client) = duplex(1 << 16);
        let (server, to_server) = duplex(1 << 16);
        let run = async move { pipe.run(split(to_client), split(to_server)).await };
        Self {
            client: Side::new(client),
            server: Side::new(server),
            run: tokio::spawn(run),
        }
    }

    /// A pipe with a `CancelLayer` alone.
    pub fn plain() -> Self {
        Self::new(Pipe::new(CancelLayer::new()))
    }

    /// Sends a line to the server, which must get it in the same bytes.
    pub async fn passes_to_server(&mut self, line: &str) {
        self.client.send(line).await;
        assert_eq!(self.server.line().await.as_deref(), Some(line));
    }

    /// Sends a line to the client, which must get it in the same bytes.
    pub async fn passes_to_client(&mut self, line: &str) {
        self.server.send(line).await;
        assert_eq!(self.client.line().await.as_deref(), Some(line));
    }

    /// The server gets nothing before a message that is sent now.
    pub async fn server_gets_nothing(&mut self) {
        self.passes_to_server(MARK).await;
    }

    /// The client gets nothing before a message that is sent now.
    pub async fn client_gets_nothing(&mut self) {
        self.passes_to_client(MARK).await;
    }
}

const MARK: &str = r#"{"jsonrpc":"2.0","method":"notifications/mark"}"#;

pub fn call(id: &str, tool: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#
    )
}

pub fn answer(id: &str, text: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
    )
}

/// A layer that calls the server and may do more.
pub fn layer<F, T>(
    then: F,
) -> impl Layer<
    Leaf,
    Service = impl Service<JsonRpcRequest, Response = JsonRpcResponse, Error = BoxError, Future = T>
              + Clone
              + Send
              + Sync
              + 'static,
>
where
    F: Fn(Leaf, JsonRpcRequest) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<JsonRpcResponse, BoxError>> + Send + 'static,
{
    tower::layer::layer_fn(move |leaf: Leaf| {
        let then = then.clone();
        tower::service_fn(move |request| then(leaf, request))
    })
}

/// Calls the server.
pub fn send(mut leaf: Leaf, request: JsonRpcRequest) -> <Leaf as Service<JsonRpcRequest>>::Future {
    leaf.call(request)
}
