//! A layer whose spans are kept in memory, and calls through it.
#![allow(dead_code, clippy::unwrap_used)]

use std::{collections::BTreeMap, convert::Infallible, panic::AssertUnwindSafe};

use futures::FutureExt;
use mcp_layers_core::{Catalog, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest};
use mcp_layers_test::{Answer, MockService};
use mcp_layers_trace::{Backend, TraceLayer};
use opentelemetry::trace::{SpanContext, TracerProvider};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, Sampler, SdkTracer, SdkTracerProvider, SpanData,
};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt, service_fn};

pub(crate) const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const SPAN_ID: &str = "b7ad6b7169203331";

/// Attributes as text, sorted by name.
pub(crate) type Attributes = BTreeMap<String, String>;

/// An SDK that keeps its spans in memory.
#[derive(Clone)]
pub(crate) struct Sdk {
    exporter: InMemorySpanExporter,
    provider: SdkTracerProvider,
}

impl Sdk {
    pub(crate) fn new() -> Self {
        Self::sampling(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
    }

    pub(crate) fn sampling(sampler: Sampler) -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_simple_exporter(exporter.clone())
            .build();
        Self { exporter, provider }
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("test")
    }

    pub(crate) fn server(&self) -> TraceLayer {
        TraceLayer::server().tracer(self.tracer())
    }

    pub(crate) fn client(&self) -> TraceLayer {
        TraceLayer::client().tracer(self.tracer())
    }

    /// The spans so far, in the order of their ends.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().unwrap()
    }

    /// Takes the only span.
    #[track_caller]
    pub(crate) fn only(&self) -> SpanData {
        let mut spans = self.spans();
        self.exporter.reset();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.remove(0)
    }
}

/// The attributes of a span, of which each key is there once.
#[track_caller]
pub(crate) fn attributes(span: &SpanData) -> Attributes {
    let pairs = span.attributes.iter();
    let map: Attributes = pairs
        .map(|pair| (pair.key.to_string(), pair.value.to_string()))
        .collect();
    assert_eq!(map.len(), span.attributes.len(), "a name twice: {span:?}");
    map
}

/// The span context that [`with_context`] sends.
pub(crate) fn is_remote_parent(span: &SpanContext) -> bool {
    span.trace_id().to_string() == TRACE_ID && span.span_id().to_string() == SPAN_ID
}

pub(crate) fn traceparent() -> String {
    format!("00-{TRACE_ID}-{SPAN_ID}-01")
}

/// A call of the tool `echo`, with this `_meta`.
#[allow(clippy::needless_pass_by_value, reason = "callers write it in place")]
pub(crate) fn with_meta(meta: Value) -> JsonRpcRequest {
    JsonRpcRequest::new(1, "tools/call").with_params(json!({ "name": "echo", "_meta": meta }))
}

pub(crate) fn call(tool: &str) -> JsonRpcRequest {
    JsonRpcRequest::call_tool(1, tool, json!({}))
}

/// The same request in a stack with this catalog.
pub(crate) fn knowing(mut request: JsonRpcRequest, catalog: &Catalog) -> JsonRpcRequest {
    request.context_mut().set_catalog(catalog.clone());
    request
}

/// Sends one request through the layer; the inner service gives this answer. A failure or a panic is
/// swallowed.
pub(crate) fn exchange<B: Backend>(
    layer: &TraceLayer<B>,
    request: JsonRpcRequest,
    answer: Answer,
) -> Option<JsonRpcResponse> {
    let service = layer.layer(MockService::scripted([answer]));
    let call = AssertUnwindSafe(service.oneshot(request)).catch_unwind();
    run(call).ok()?.ok()
}

/// Runs a future to its end. The exporter in memory forbids the executor of `futures`.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

/// A service that answers with an empty result after it has looked at the request.
pub(crate) fn looking(
    look: impl Fn(&JsonRpcRequest) + Clone + Send + Sync + 'static,
) -> impl Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible> + Clone {
    service_fn(move |request: JsonRpcRequest| {
        look(&request);
        async move { Ok::<_, Infallible>(JsonRpcResponse::success(&request, json!({}))) }
    })
}

pub(crate) fn error(code: i32) -> Answer {
    Answer::error(McpError::new(code, format!("message of {code}")))
}
