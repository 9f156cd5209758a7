//! A span of the trace layer beside one that is made by hand, with the same attributes and in the same run.
//! The limit is 1.3 times the call with the span made by hand. Spans end in a processor that keeps nothing.
//!
//! | row | what runs |
//! |---|---|
//! | `bare` | the inner service alone |
//! | `by_hand` | a span with the attributes that the layer sets, whose parent OpenTelemetry's propagator reads from `_meta`, current while the inner service runs |
//! | `layer` | `TraceLayer::server()` |
//! | `layer_skipping` | the same with `skip_unsampled` |
//!
//! Each in a trace that the caller sampled, and in one that it did not.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench has no API")]

use std::{convert::Infallible, hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use futures::executor::block_on;
use mcp_layers_core::{Catalog, JsonRpcRequest, JsonRpcResponse, McpRequest, request::Transport};
use mcp_layers_trace::TraceLayer;
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator},
    trace::{FutureExt, SpanKind, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use serde_json::{Map, Value, json};
use tower::{Layer, Service, service_fn};

/// Keeps nothing.
#[derive(Debug)]
struct Nothing;

impl SpanProcessor for Nothing {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        black_box(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
const SPAN: u64 = 0xb7ad_6b71_6920_3331;

fn request(flags: u8) -> JsonRpcRequest {
    let parent = format!("00-{TRACE:032x}-{SPAN:016x}-{flags:02x}");
    let params = json!({ "name": "echo", "_meta": { "traceparent": parent } });
    let mut request = JsonRpcRequest::new(1, "tools/call")
        .with_params(params)
        .with_protocol_version("2025-11-25")
        .with_transport(Transport::Pipe);
    let catalog = Catalog::new().with_tools(["echo"]);
    request.context_mut().set_catalog(catalog);
    request
}

fn inner() -> impl Service<
    JsonRpcRequest,
    Response = JsonRpcResponse,
    Error = Infallible,
    Future: Future<Output = Result<JsonRpcResponse, Infallible>>,
> {
    service_fn(|request: JsonRpcRequest| async move {
        Ok::<_, Infallible>(JsonRpcResponse::success(&request, Value::Null))
    })
}

/// `_meta`, as OpenTelemetry's propagators read it.
struct Meta<'a>(&'a Map<String, Value>);

impl Extractor for Meta<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

fn by_hand(
    tracer: &SdkTracer,
    propagator: &TraceContextPropagator,
    request: &JsonRpcRequest,
) -> Context {
    let mut parent = Context::current();
    if let Some(meta) = request.meta() {
        parent = propagator.extract_with_context(&parent, &Meta(meta));
    }
    let tool = request.target().unwrap_or_default();
    let version = request.protocol_version().unwrap_or_default();
    let id = McpRequest::id(request)
        .map(|id| id.to_string())
        .unwrap_or_default();
    let builder = tracer
        .span_builder(format!("tools/call {tool}"))
        .with_kind(SpanKind::Server)
        .with_attributes([
            KeyValue::new("mcp.method.name", "tools/call"),
            KeyValue::new("gen_ai.operation.name", "execute_tool"),
            KeyValue::new("mcp.protocol.version", version.into_owned()),
            KeyValue::new("network.transport", "pipe"),
            KeyValue::new("jsonrpc.request.id", id),
            KeyValue::new("gen_ai.tool.name", tool.to_owned()),
        ]);
    let span = tracer.build_with_context(builder, &parent);
    parent.with_span(span)
}

fn trace(criterion: &mut Criterion) {
    let provider = SdkTracerProvider::builder()
        .with_span_processor(Nothing)
        .build();
    let tracer = provider.tracer("bench");
    let propagator = TraceContextPropagator::new();
    for (name, flags) in [("sampled", 1), ("unsampled", 0)] {
        let request = request(flags);
        let mut group = criterion.benchmark_group("trace");
        let mut bare = inner();
        group.bench_function(BenchmarkId::new("bare", name), |bencher| {
            bencher.iter(|| block_on(bare.call(request.clone())));
        });
        group.bench_function(BenchmarkId::new("by_hand", name), |bencher| {
            bencher.iter(|| {
                let context = by_hand(&tracer, &propagator, &request);
                let answer = block_on(bare.call(request.clone()).with_context(context.clone()));
                context.span().end();
                answer
            });
        });
        let layer = TraceLayer::server().tracer(tracer.clone());
        let skipping = layer.clone().skip_unsampled();
        for (row, layer) in [("layer", layer), ("layer_skipping", skipping)] {
            let mut layered = layer.layer(inner());
            group.bench_function(BenchmarkId::new(row, name), |bencher| {
                bencher.iter(|| block_on(layered.call(request.clone())));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, trace);
criterion_main!(benches);
