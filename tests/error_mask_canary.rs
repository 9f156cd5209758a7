//! A secret in every place where a handler can put one; every byte on the wire is searched, over a
//! pipe and over HTTP.
#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "canary/server.rs"]
mod server;

use std::{
    error::Error,
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::{Either, Ready, ready};
use mcp_layers_core::{BoxError, McpRequest};
use mcp_layers_error_mask::{ErrorMaskLayer, Redactor};
use mcp_layers_rmcp::{Leaf, RmcpRequest, RmcpResponse, Stack};
use mcp_layers_util::{CatchErrorLayer, CatchPanicLayer};
use rmcp::{
    ServiceExt as _,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, session::local::LocalSessionManager,
    },
};
use serde_json::{Value, json};
use server::{Leaky, SECRET, TOOLS};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt as _, util::BoxCloneSyncService};

const PATIENCE: Duration = Duration::from_secs(30);

type Boxed = BoxCloneSyncService<RmcpRequest, RmcpResponse, BoxError>;

/// A layer with faults of its own: an error with a cause, a panic.
#[derive(Clone)]
struct Faulty<S>(S);

#[derive(Debug)]
struct Cause(Option<Box<Cause>>);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SECRET)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_deref().map(|cause| cause as _)
    }
}

impl<S> Service<RmcpRequest> for Faulty<S>
where
    S: Service<RmcpRequest, Response = RmcpResponse, Error = BoxError>,
{
    type Response = RmcpResponse;
    type Error = BoxError;
    type Future = Either<S::Future, Ready<Result<RmcpResponse, BoxError>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: RmcpRequest) -> Self::Future {
        match request.target() {
            Some("layer_fails") => {
                let cause = Cause(Some(Box::new(Cause(None))));
                Either::Right(ready(Err(cause.into())))
            }
            Some("layer_panics") => std::panic::resume_unwind(Box::new(SECRET)),
            _ => Either::Left(self.0.call(request)),
        }
    }
}

/// The layers around the server; without a mask, to see that the secret would be there.
struct Layers {
    mask: Option<ErrorMaskLayer>,
}

fn mask() -> ErrorMaskLayer {
    ErrorMaskLayer::new()
        .redactor(Redactor::internals())
        .every_result()
}

impl Layer<Leaf> for Layers {
    type Service = Boxed;

    fn layer(&self, leaf: Leaf) -> Boxed {
        let leaf = Boxed::new(leaf.map_err(BoxError::from));
        let inner = ServiceBuilder::new()
            .layer(CatchErrorLayer::new())
            .layer(CatchPanicLayer::new())
            .layer_fn(Faulty)
            .service(leaf);
        let Some(mask) = &self.mask else {
            return Boxed::new(inner.map_err(BoxError::from));
        };
        Boxed::new(mask.layer(inner).map_err(BoxError::from))
    }
}

/// One request for each place, of 2026-07-28.
fn requests() -> Vec<Value> {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "raw", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {
            "extensions": { "io.modelcontextprotocol/tasks": {} },
        },
    });
    let tools = TOOLS.map(|tool| ("tools/call", json!({ "name": tool })));
    let others = [
        ("resources/read", json!({ "uri": "test://a" })),
        ("prompts/get", json!({ "name": "greet" })),
        (
            "completion/complete",
            json!({
                "ref": { "type": "ref/prompt", "name": "greet" },
                "argument": { "name": "a", "value": "b" },
            }),
        ),
        ("tasks/get", json!({ "taskId": "1" })),
    ];
    let request = |(id, (method, mut params)): (usize, (&str, Value))| {
        params["_meta"] = meta.clone();
        json!({ "jsonrpc": "2.0", "id": id + 1, "method": method, "params": params })
    };
    tools
        .into_iter()
        .chain(others)
        .enumerate()
        .map(request)
        .collect()
}

/// The answers over a pipe, as stdio frames them, one for each request.
async fn over_pipe(mask: Option<ErrorMaskLayer>) -> Vec<String> {
    let (client, server) = tokio::io::duplex(64 * 1024);
    let handler = Stack::new(Layers { mask }).handler(Leaky);
    tokio::spawn(async move { handler.serve(server).await.unwrap().waiting().await });
    let (reader, mut writer) = tokio::io::split(client);
    let mut reader = BufReader::new(reader);
    let mut answers = Vec::new();
    for request in requests() {
        writer
            .write_all(format!("{request}\n").as_bytes())
            .await
            .unwrap();
        let mut line = String::new();
        let read = timeout(PATIENCE, reader.read_line(&mut line)).await;
        read.expect("an answer").unwrap();
        answers.push(line);
    }
    answers
}

/// The same over HTTP, heads included.
async fn over_http(mask: Option<ErrorMaskLayer>) -> Vec<String> {
    let sessions = Arc::new(LocalSessionManager::default());
    let config = StreamableHttpServerConfig::default();
    let service = Stack::new(Layers { mask }).http(|| Leaky, sessions, config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().nest_service("/mcp", service);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut answers = Vec::new();
    for request in requests() {
        let named = ["name", "uri", "taskId"];
        let name = named.iter().find_map(|key| request["params"][key].as_str());
        let name = name.map_or(String::new(), |name| format!("Mcp-Name: {name}\r\n"));
        let method = request["method"].as_str().unwrap();
        let body = request.to_string();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             Mcp-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{name}\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        read.expect("an answer").unwrap();
        answers.push(String::from_utf8(answer).unwrap());
    }
    answers
}

fn place(request: &Value) -> String {
    format!("{} {}", request["method"], request["params"]["name"])
}

#[tokio::test]
async fn no_byte_on_the_wire_is_of_the_secret() {
    for (transport, answers) in [
        ("pipe", over_pipe(Some(mask())).await),
        ("HTTP", over_http(Some(mask())).await),
    ] {
        for (request, answer) in requests().iter().zip(&answers) {
            let place = place(request);
            assert!(
                !answer.contains("4711") && !answer.contains("canary"),
                "{transport} {place}: {answer}"
            );
            let answered = answer.contains("\"result\"") || answer.contains("\"error\"");
            assert!(answered, "{transport} {place}: {answer}");
        }
        assert_eq!(answers.len(), requests().len());
        let ids = answers
            .iter()
            .filter(|answer| answer.contains("\"errorId\""));
        assert_eq!(ids.count(), 10, "{transport}: {answers:#?}");
    }
}

/// That the search would find it: in every place but those which answer a constant anyway.
#[tokio::test]
async fn without_the_mask_the_secret_is_there() {
    let constant = ["panic", "panic_in_drop", "layer_fails", "layer_panics"];
    for (transport, answers) in [
        ("pipe", over_pipe(None).await),
        ("HTTP", over_http(None).await),
    ] {
        for (request, answer) in requests().iter().zip(answers) {
            let name = request["params"]["name"].as_str().unwrap_or_default();
            let expected = !constant.contains(&name);
            assert_eq!(
                answer.contains(SECRET),
                expected,
                "{transport} {name}: {answer}"
            );
        }
    }
}

/// A handler of rmcp declares an error public by its code: `ErrorData` has no mark for it.
#[tokio::test]
async fn a_public_code_of_a_handler_keeps_message_and_data() {
    let mask = ErrorMaskLayer::new().public_codes([1000]).unwrap();
    let answers = over_pipe(Some(mask)).await;
    for (request, answer) in requests().iter().zip(answers) {
        let name = request["params"]["name"].as_str().unwrap_or_default();
        match name {
            "app_code" => assert!(answer.contains(SECRET), "{answer}"),
            "error_message" => assert!(!answer.contains(SECRET), "{answer}"),
            _ => {}
        }
    }
}
