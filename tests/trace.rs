//! Spans of real rmcp servers and clients in every mode of transport, and spans beside metrics.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
};

use axum::{Router, extract::Request, middleware::Next};
use futures::FutureExt as _;
use mcp_layers_core::{JsonRpcRequest, McpError};
use mcp_layers_rmcp::{LayeredClient, Stack};
use mcp_layers_test::{Answer, MockService, Task, results};
use mcp_layers_timing::{Attribute, Metric, RecordActive, RecordDuration, Recorder, TimingLayer};
use mcp_layers_trace::{AmbientSpanLayer, DigestKey, SessionId, TraceLayer, current_ids};
use opentelemetry::{
    Context,
    trace::{FutureExt, SpanContext, SpanId, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracer, SdkTracerProvider, SpanData};
use rmcp::{
    ClientLifecycleMode, ClientServiceExt, ErrorData, RoleClient, RoleServer, ServerHandler,
    ServiceExt as _,
    model::*,
    service::{Peer, RequestContext, RunningService},
    transport::{
        StreamableHttpClientTransport, StreamableHttpServerConfig,
        streamable_http_server::session::local::LocalSessionManager,
    },
};
use serde_json::json;
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder, ServiceExt};

/// The name of the spans of HTTP requests.
const HTTP: &str = "http";

/// Spans in memory.
#[derive(Clone)]
struct Spans {
    exporter: InMemorySpanExporter,
    tracer: SdkTracer,
}

impl Spans {
    fn new() -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone());
        Self {
            exporter,
            tracer: provider.build().tracer("test"),
        }
    }

    /// The only span of this name.
    #[track_caller]
    fn named(&self, name: &str) -> SpanData {
        let spans = self.exporter.get_finished_spans().unwrap();
        let mut found = spans.iter().filter(|span| span.name == name);
        let span = found
            .next()
            .unwrap_or_else(|| panic!("no {name} in {spans:?}"));
        assert!(found.next().is_none(), "{spans:?}");
        span.clone()
    }

    /// Waits for the end of such a span.
    async fn ended(&self, fits: impl Fn(&SpanData) -> bool) -> SpanData {
        loop {
            let spans = self.exporter.get_finished_spans().unwrap();
            match spans.into_iter().find(&fits) {
                Some(span) => return span,
                None => tokio::task::yield_now().await,
            }
        }
    }

    /// The name of the span with this id. A stream ends a moment after its answer.
    async fn name_of(&self, id: SpanId) -> String {
        let span = self.ended(|span| span.span_context.span_id() == id).await;
        span.name.into_owned()
    }
}

/// Answers with the ids of the span in which it runs.
#[derive(Clone)]
struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed();
        ServerConfig::new(capabilities.build())
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (trace, span) = current_ids().unwrap();
        let text = format!("{trace} {span}");
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }

    // rmcp's `listen` holds the stream until its client ends it.
    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }
}

/// A way to reach the server.
#[derive(Debug, Clone, Copy)]
enum Mode {
    Pipe,
    /// Sessions of 2025-11-25, whose calls rmcp handles in a task of the session.
    Session,
    StatelessJson,
    StatelessSse,
}

const MODES: [Mode; 4] = [
    Mode::Pipe,
    Mode::Session,
    Mode::StatelessJson,
    Mode::StatelessSse,
];

type Client = RunningService<RoleClient, ()>;

/// Connects a client to a server with a trace layer, and with a span around each HTTP request.
async fn connect(mode: Mode, spans: &Spans) -> Client {
    let key = DigestKey::new([7; 16]).unwrap();
    let layer = TraceLayer::server().session_id(SessionId::Digest(key));
    let stack = Stack::new(layer.tracer(spans.tracer.clone()));
    let lifecycle = match mode {
        Mode::Session => ClientLifecycleMode::Initialize,
        _ => ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    };
    if let Mode::Pipe = mode {
        let (here, there) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move {
            let server = stack.handler(Echo).serve(there).await.unwrap();
            server.waiting().await
        });
        return ().serve_with_lifecycle(here, lifecycle).await.unwrap();
    }
    let is_json = matches!(mode, Mode::StatelessJson);
    let config = StreamableHttpServerConfig::default().with_json_response(is_json);
    let sessions = Arc::<LocalSessionManager>::default();
    let service = ServiceBuilder::new()
        .layer(AmbientSpanLayer::new())
        .service(stack.http(|| Echo, sessions, config));
    let tracer = spans.tracer.clone();
    let traced = move |request: Request, next: Next| {
        let span = tracer.start(HTTP);
        let context = Context::new().with_span(span);
        async move { next.run(request).await }.with_context(context)
    };
    let router = Router::new()
        .route_service("/mcp", service)
        .layer(axum::middleware::from_fn(traced));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let transport = StreamableHttpClientTransport::from_uri(url);
    ().serve_with_lifecycle(transport, lifecycle).await.unwrap()
}

fn text(result: &CallToolResult) -> String {
    result.content[0].as_text().unwrap().text.clone()
}

fn ids(span: &SpanContext) -> String {
    format!("{} {}", span.trace_id(), span.span_id())
}

/// A call through a client with a trace layer of its own.
async fn call_traced(peer: Peer<RoleClient>, spans: &Spans) -> CallToolResult {
    let layer = TraceLayer::client().tracer(spans.tracer.clone());
    let client = LayeredClient::new(peer, layer);
    let answer = client.call_tool(CallToolRequestParams::new("echo")).await;
    match answer.unwrap() {
        CallToolResponse::Complete(result) => result,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_span_of_the_client_is_the_parent_and_that_of_the_http_request_a_link() {
    for mode in MODES {
        let (here, there) = (Spans::new(), Spans::new());
        let client = connect(mode, &there).await;
        let result = call_traced(client.peer().clone(), &here).await;

        let (sent, served) = (
            here.named("tools/call echo"),
            there.named("tools/call echo"),
        );
        assert_eq!(
            served.parent_span_id,
            sent.span_context.span_id(),
            "{mode:?}"
        );
        assert_eq!(served.span_context.trace_id(), sent.span_context.trace_id());
        assert!(served.parent_span_is_remote);
        assert_eq!(text(&result), ids(&served.span_context), "{mode:?}");
        match mode {
            Mode::Pipe => assert!(served.links.is_empty()),
            _ => {
                let http = served.links[0].span_context.span_id();
                assert_eq!(there.name_of(http).await, HTTP, "{mode:?}");
            }
        }
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn without_context_in_meta_the_span_of_the_http_request_is_the_parent() {
    for mode in MODES {
        let spans = Spans::new();
        let client = connect(mode, &spans).await;
        let called = client.call_tool(CallToolRequestParams::new("echo")).await;
        let span = spans.named("tools/call echo");
        assert_eq!(text(&called.unwrap()), ids(&span.span_context), "{mode:?}");
        assert!(span.links.is_empty());
        match mode {
            Mode::Pipe => assert_eq!(span.parent_span_id.to_string(), "0".repeat(16)),
            _ => {
                let parent = spans.name_of(span.parent_span_id).await;
                assert_eq!(parent, HTTP, "{mode:?}");
            }
        }
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn the_span_of_a_subscription_ends_while_the_stream_is_open() {
    for mode in [Mode::Pipe, Mode::StatelessSse] {
        let spans = Spans::new();
        let client = connect(mode, &spans).await;
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        let stream = client.listen(filter).await.unwrap();
        let span = spans
            .ended(|span| span.name == "subscriptions/listen")
            .await;
        assert_eq!(span.status, Status::Unset, "{mode:?}");
        drop(stream);
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_legacy_session_has_one_digest_and_no_other_mode_has_any() {
    for mode in MODES {
        let spans = Spans::new();
        let client = connect(mode, &spans).await;
        for _ in 0..2 {
            let called = client.call_tool(CallToolRequestParams::new("echo")).await;
            called.unwrap();
        }
        let finished = spans.exporter.get_finished_spans().unwrap();
        let calls = finished
            .iter()
            .filter(|span| span.name == "tools/call echo");
        let digest = |span: &SpanData| {
            let mut pairs = span.attributes.iter();
            let pair = pairs.find(|pair| pair.key.as_str() == "mcp.session.id")?;
            Some(pair.value.to_string())
        };
        let digests: Vec<_> = calls.map(digest).collect();
        assert_eq!(digests.len(), 2);
        assert_eq!(digests[0], digests[1]);
        let is_digest = |text: &String| text.len() == 32;
        let has_digest = digests[0].as_ref().is_some_and(is_digest);
        assert_eq!(has_digest, matches!(mode, Mode::Session), "{mode:?}");
        client.cancel().await.unwrap();
    }
}

/// Remembers `error.type` of the last duration.
#[derive(Clone, Default)]
struct ErrorType(Arc<Mutex<Option<String>>>);

impl Recorder for ErrorType {
    fn duration(&self, _: Metric, attributes: &[Attribute]) -> RecordDuration {
        let map: BTreeMap<_, _> = attributes
            .iter()
            .map(|pair| (pair.name, &pair.value))
            .collect();
        let error_type = map.get("error.type").map(ToString::to_string);
        let last = Arc::clone(&self.0);
        Box::new(move |_| last.lock().unwrap().clone_from(&error_type))
    }

    fn active(&self, _: Metric, _: &[Attribute]) -> RecordActive {
        Box::new(|_| {})
    }
}

#[tokio::test]
async fn a_span_and_a_histogram_have_the_same_error_type() {
    let codes = [
        -32700, -32600, -32601, -32602, -32603, -32000, -32002, -32020, -32021, -32022, -32042,
        401, 403, 408, 413, 429, 499, 503, 504, 7,
    ];
    let error = |code| Answer::error(McpError::new(code, "no"));
    let mut answers: Vec<_> = codes.into_iter().map(error).collect();
    answers.extend([
        Answer::plausible(),
        Answer::tool_error("no"),
        Answer::result(results::task_created()),
        Answer::result(results::input_required()),
        Answer::fail("no"),
        Answer::panic("no"),
        Answer::panic_in_call("no"),
        Answer::never(),
    ]);
    for is_server in [true, false] {
        for answer in &answers {
            let (spans, recorded) = (Spans::new(), ErrorType::default());
            let (trace, timing) = match is_server {
                true => (TraceLayer::server(), TimingLayer::server()),
                false => (TraceLayer::client(), TimingLayer::client()),
            };
            let mut service = ServiceBuilder::new()
                .layer(trace.tracer(spans.tracer.clone()))
                .layer(timing.recorder(recorded.clone()))
                .service(MockService::scripted([answer.clone()]));
            let request = JsonRpcRequest::call_tool(1, "echo", json!({}));
            service.ready().await.unwrap();
            // A call that is not answered at once is dropped.
            let call = || Task::new(service.call(request)).poll();
            let ended = AssertUnwindSafe(async { _ = call() }).catch_unwind().await;
            drop(ended);

            let finished = spans.exporter.get_finished_spans().unwrap();
            let pairs = finished[0].attributes.iter();
            let mut found = pairs.filter(|pair| pair.key.as_str() == "error.type");
            let error_type = found.next().map(|pair| pair.value.to_string());
            assert_eq!(error_type, *recorded.0.lock().unwrap(), "{answer:?}");
        }
    }
}
