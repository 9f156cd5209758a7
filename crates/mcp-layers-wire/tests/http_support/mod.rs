//! A client and an HTTP server played by hand, with a `WireLayer` between them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test program uses its part of it"
)]

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, request::Parts};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use mcp_layers_core::{BoxError, Catalog, JsonRpcRequest, JsonRpcResponse};
use mcp_layers_util::CancelLayer;
use mcp_layers_wire::{Leaf, Wire, WireLayer, http::WireBody};
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};

/// The most time for anything. With paused time it passes at once when nothing else can happen.
pub const PATIENCE: Duration = Duration::from_secs(3600);

type Body = UnsyncBoxBody<Bytes, io::Error>;
type Inner = BoxCloneSyncService<Request<WireBody>, Response<Body>, io::Error>;

/// A request that the server got.
pub struct Incoming {
    pub head: Parts,
    pub body: Bytes,
    reply: oneshot::Sender<io::Result<Response<Body>>>,
}

impl Incoming {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn message(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn id(&self) -> String {
        self.message()["id"].to_string()
    }

    pub fn reply(self, response: Response<impl Into<Bytes>>) {
        let never = |never: Infallible| match never {};
        let response = response.map(|body| Full::new(body.into()).map_err(never).boxed_unsync());
        let _ = self.reply.send(Ok(response));
    }

    pub fn json(self, body: impl Into<Bytes>) {
        self.status(200, "application/json", body);
    }

    pub fn status(self, status: u16, kind: &str, body: impl Into<Bytes>) {
        let response = Response::builder().status(status);
        self.reply(response.header("content-type", kind).body(body).unwrap());
    }

    pub fn accepted(self) {
        self.reply(Response::builder().status(202).body("").unwrap());
    }

    pub fn fail(self) {
        let _ = self.reply.send(Err(io::Error::other("the server is gone")));
    }

    pub fn stream(self) -> Events {
        self.stream_with(&[])
    }

    pub fn stream_with(self, headers: &[(&str, &str)]) -> Events {
        let (events, mut pieces) = mpsc::channel(1024);
        let pieces = futures_util::stream::poll_fn(move |cx| pieces.poll_recv(cx));
        let mut response = Response::builder().header("content-type", "text/event-stream");
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body(StreamBody::new(pieces).boxed_unsync());
        let _ = self.reply.send(Ok(response.unwrap()));
        Events(events)
    }
}

/// The server's side of a stream. Dropped, it ends the stream.
pub struct Events(mpsc::Sender<io::Result<Frame<Bytes>>>);

impl Events {
    pub async fn send(&self, bytes: impl Into<Bytes>) {
        let frame = Frame::data(bytes.into());
        let sent = timeout(PATIENCE, self.0.send(Ok(frame))).await;
        let _ = sent.expect("in time");
    }

    /// Sends a message as an event.
    pub async fn message(&self, message: impl AsRef<str>) {
        self.send(event(message.as_ref())).await;
    }

    /// The connection breaks.
    pub async fn breaks(self) {
        let _ = self.0.send(Err(io::Error::other("broken"))).await;
    }

    /// Waits until the stream is dropped.
    pub async fn is_dropped(&self) {
        timeout(PATIENCE, self.0.closed()).await.expect("in time");
    }
}

/// A response at the client.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: WireBody,
}

impl Reply {
    pub fn kind(&self) -> &str {
        self.headers["content-type"].to_str().unwrap()
    }

    /// The next piece of the body; `None` at its end.
    pub async fn next(&mut self) -> Option<String> {
        let frame = timeout(PATIENCE, self.body.frame()).await;
        let frame = frame.expect("in time")?.expect("no broken body");
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    }

    /// The rest of the body.
    pub async fn text(&mut self) -> String {
        let mut text = String::new();
        while let Some(piece) = self.next().await {
            text.push_str(&piece);
        }
        text
    }

    pub async fn json(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).expect(&text)
    }

    /// Reads the rest of the body at once.
    pub fn reading(mut self) -> JoinHandle<String> {
        tokio::spawn(async move { self.text().await })
    }

    /// The message of the next event.
    pub async fn event(&mut self) -> Value {
        let text = self.next().await.expect("an event");
        let data = text.lines().find_map(|line| line.strip_prefix("data: "));
        serde_json::from_str(data.expect(&text)).expect(&text)
    }
}

pub struct Http {
    pub wire: Wire<Inner>,
    server: mpsc::UnboundedReceiver<Incoming>,
}

impl Http {
    pub fn new<S>(layer: WireLayer<S>) -> Self
    where
        S: Service<JsonRpcRequest, Response = JsonRpcResponse> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError> + Send,
        S::Future: Send,
    {
        let (to_server, server) = mpsc::unbounded_channel();
        let inner = tower::service_fn(move |request: Request<WireBody>| {
            let to_server = to_server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let (reply, replied) = oneshot::channel();
                let incoming = Incoming { head, body, reply };
                let _ = to_server.send(incoming);
                replied
                    .await
                    .unwrap_or_else(|_| Err(io::Error::other("no reply")))
            }
        });
        let layer = layer.catalog(Catalog::new().with_tools(["echo", "slow"]));
        Self {
            wire: layer.layer(BoxCloneSyncService::new(inner)),
            server,
        }
    }

    /// A `CancelLayer` alone.
    pub fn plain() -> Self {
        Self::new(WireLayer::new(CancelLayer::new()))
    }

    /// The next request at the server.
    pub async fn incoming(&mut self) -> Incoming {
        let incoming = timeout(PATIENCE, self.server.recv()).await;
        incoming.expect("in time").expect("a request")
    }

    /// Asserts that no request has reached the server.
    pub fn server_got_nothing(&mut self) {
        assert!(self.server.try_recv().is_err());
    }

    /// Sends a request of the client.
    pub fn send(&self, request: Request<Bytes>) -> JoinHandle<Reply> {
        let request = request.map(Full::new);
        let response = self.wire.clone().oneshot(request);
        tokio::spawn(async move {
            let response = timeout(PATIENCE, response).await.expect("in time");
            let (head, body) = response.unwrap().into_parts();
            Reply {
                status: head.status,
                headers: head.headers,
                body,
            }
        })
    }

    pub fn post(&self, message: impl Into<Bytes>) -> JoinHandle<Reply> {
        self.send(post(message))
    }

    /// The same in a legacy session.
    pub fn post_in(&self, session: &str, message: impl Into<Bytes>) -> JoinHandle<Reply> {
        self.send(in_session(session, post(message)))
    }

    pub fn get_in(&self, session: &str) -> JoinHandle<Reply> {
        let request = Request::builder()
            .header("accept", "text/event-stream")
            .header("last-event-id", "1");
        self.send(in_session(session, request.body(Bytes::new()).unwrap()))
    }

    /// A call in a session, with the stream that the server opened for it.
    pub async fn streaming(&mut self, session: &str, message: &str) -> (Reply, Events) {
        let reply = self.post_in(session, message.to_owned());
        let events = self.incoming().await.stream();
        (reply.await.unwrap(), events)
    }
}

pub fn post(message: impl Into<Bytes>) -> Request<Bytes> {
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://localhost/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    request.body(message.into()).unwrap()
}

pub fn in_session(session: &str, mut request: Request<Bytes>) -> Request<Bytes> {
    let headers = request.headers_mut();
    headers.insert("mcp-session-id", session.parse().unwrap());
    headers.insert("mcp-protocol-version", "2025-11-25".parse().unwrap());
    request
}

pub fn event(message: &str) -> String {
    format!("event: message\ndata: {message}\n\n")
}

/// An event with an id, from which a client can resume.
pub fn resumable(id: u32, message: &str) -> String {
    format!("id: {id}\ndata: {message}\n\n")
}

pub fn call(id: &str, tool: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#
    )
}

/// A call of protocol version 2026-07-28.
pub fn modern_call(id: &str, tool: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}}}}"#
    )
}

pub fn answer(id: &str, text: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
    )
}

pub fn notification(text: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"data":"{text}"}}}}"#)
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

/// The service that layers make.
pub trait Stack:
    Service<JsonRpcRequest, Response = JsonRpcResponse, Error: Into<BoxError> + Send, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Stack for S where
    S: Service<
            JsonRpcRequest,
            Response = JsonRpcResponse,
            Error: Into<BoxError> + Send,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static
{
}
