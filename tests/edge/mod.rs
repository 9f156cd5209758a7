//! rmcp's HTTP service in this process: requests of both generations of the protocol, and a handler
//! whose tools end when a test lets them.

pub(crate) mod closed;
pub(crate) mod counting;

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{
        HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Builder,
    },
};
use bytes::Bytes;
use http_body_util::BodyExt;
use mcp_layers::{
    BoxError,
    rmcp::{RmcpLayers, Stack},
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::*,
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tower::ServiceExt;

/// Tools that succeed, fail, panic, and wait until a test calls [`Tools::release`].
#[derive(Clone)]
pub(crate) struct Tools {
    release: Arc<Notify>,
    /// Names of tools that were called, and `ended` for a call of `wait` that ran to its end.
    events: mpsc::UnboundedSender<&'static str>,
}

impl Tools {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<&'static str>) {
        let (events, receiver) = mpsc::unbounded_channel();
        let release = Arc::default();
        (Self { release, events }, receiver)
    }

    /// Ends one call of `wait`.
    pub(crate) fn release(&self) {
        self.release.notify_one();
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = |text: &str| vec![ContentBlock::text(text)];
        match &*request.name {
            "fail" => return Ok(CallToolResult::error(text("failed")).into()),
            "panic" => panic!("the tool panics"),
            "wait" => {
                let _ = self.events.send("started");
                self.release.notified().await;
                let _ = self.events.send("ended");
            }
            _ => {}
        }
        Ok(CallToolResult::success(text(&"text ".repeat(200))).into())
    }
}

/// JSON where rmcp can; no comments that keep a stream alive, so that paused time has nothing to do.
pub(crate) fn config() -> StreamableHttpServerConfig {
    StreamableHttpServerConfig::default()
        .with_json_response(true)
        .with_sse_keep_alive(None)
}

/// A bare rmcp server at `/mcp`.
pub(crate) fn bare(tools: &Tools) -> Router {
    configured(tools, config())
}

pub(crate) fn configured(tools: &Tools, config: StreamableHttpServerConfig) -> Router {
    Router::new().route_service("/mcp", service(tools, config))
}

pub(crate) fn service(
    tools: &Tools,
    config: StreamableHttpServerConfig,
) -> StreamableHttpService<Tools, LocalSessionManager> {
    let tools = tools.clone();
    StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config)
}

/// The same with layers of ours in a stack.
pub(crate) fn layered(tools: &Tools, layers: impl RmcpLayers) -> Router {
    let (tools, sessions) = (tools.clone(), Arc::<LocalSessionManager>::default());
    let mcp = Stack::new(layers).http(move || tools.clone(), sessions, config());
    Router::new().route_service("/mcp", mcp)
}

/// A request as every client sends it, without a body.
pub(crate) fn request(method: Method) -> Builder {
    Request::builder()
        .method(method)
        .uri("/mcp")
        .header("host", "localhost")
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Response<Body> {
    let sent = router.clone().oneshot(request).await;
    sent.unwrap_or_else(|never: Infallible| match never {})
}

/// The status line of a request, which has no further interest.
pub(crate) async fn status(router: &Router, request: Request<Body>) -> StatusCode {
    send(router, request).await.status()
}

/// A call of a tool in protocol version 2026-07-28.
pub(crate) fn modern(tool: &str) -> Request<Body> {
    modern_with(tool, &HeaderMap::new())
}

pub(crate) fn modern_with(tool: &str, headers: &HeaderMap) -> Request<Body> {
    let mut request = request(Method::POST)
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
        .body(Body::from(modern_call(tool, "")))
        .unwrap();
    request.headers_mut().extend(headers.clone());
    request
}

/// The body of such a call; `padding` is an argument that makes it longer.
pub(crate) fn modern_call(tool: &str, padding: &str) -> Vec<u8> {
    let params = json!({
        "name": tool,
        "arguments": { "padding": padding },
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "probe", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    });
    message(json!({ "id": 1, "method": "tools/call", "params": params }))
}

fn message(mut message: Value) -> Vec<u8> {
    message["jsonrpc"] = "2.0".into();
    message.to_string().into_bytes()
}

/// A session of protocol version 2025-11-25.
pub(crate) struct Session<'a> {
    router: &'a Router,
    id: String,
}

impl<'a> Session<'a> {
    pub(crate) async fn open(router: &'a Router) -> Self {
        let params = json!({
            "protocolVersion": "2025-11-25",
            "clientInfo": { "name": "probe", "version": "1" },
            "capabilities": {},
        });
        let body = message(json!({ "id": 0, "method": "initialize", "params": params }));
        let response = send(router, request(Method::POST).body(body.into()).unwrap()).await;
        let id = response.headers()["mcp-session-id"].to_str().unwrap();
        let id = id.to_owned();
        drop(response);
        let session = Self { router, id };
        let body = message(json!({ "method": "notifications/initialized" }));
        assert_eq!(
            session.post(body, &HeaderMap::new()).await.status(),
            StatusCode::ACCEPTED
        );
        session
    }

    #[allow(dead_code, reason = "not every test names the session itself")]
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The response to a call of a tool, whose head comes before the tool ends.
    pub(crate) async fn call(&self, tool: &str) -> Response<Body> {
        self.call_with(tool, &HeaderMap::new()).await
    }

    pub(crate) async fn call_with(&self, tool: &str, headers: &HeaderMap) -> Response<Body> {
        let params = json!({ "name": tool });
        let call = json!({ "id": 1, "method": "tools/call", "params": params });
        self.post(message(call), headers).await
    }

    async fn post(&self, body: Vec<u8>, headers: &HeaderMap) -> Response<Body> {
        let request = request(Method::POST)
            .header("mcp-session-id", &self.id)
            .header("mcp-protocol-version", "2025-11-25");
        let mut request = request.body(body.into()).unwrap();
        request.headers_mut().extend(headers.clone());
        send(self.router, request).await
    }
}

/// The next JSON-RPC message of a stream, `None` at its end.
pub(crate) async fn next_message(response: &mut Response<Body>) -> Option<Value> {
    loop {
        let frame = response.body_mut().frame().await?.unwrap();
        let data = frame.into_data().unwrap_or_default();
        if let Some(message) = text(&data).lines().find_map(parse) {
            return Some(message);
        }
    }
}

fn parse(line: &str) -> Option<Value> {
    serde_json::from_str(line.strip_prefix("data:")?.trim()).ok()
}

fn text(data: &Bytes) -> String {
    String::from_utf8(data.to_vec()).unwrap()
}

pub(crate) async fn body(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

/// The JSON-RPC response of a body that is JSON.
pub(crate) async fn json_of(response: Response<Body>) -> Value {
    serde_json::from_slice(&body(response).await).unwrap()
}

/// The status of a call whose body is longer than a limit of 1,000 bytes, with its length in a header
/// or in chunks.
pub(crate) async fn status_of_long_body(router: &Router, chunked: bool) -> StatusCode {
    let call = modern_call("text", &"x".repeat(2_000));
    let mut request = modern("text");
    if chunked {
        *request.body_mut() = Body::from_stream(futures::stream::iter([Ok::<_, BoxError>(call)]));
    } else {
        let length = HeaderValue::from(call.len());
        request.headers_mut().insert(header::CONTENT_LENGTH, length);
        *request.body_mut() = Body::from(call);
    }
    status(router, request).await
}
