//! Stacks of layers in any order, and the handler inside.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use mcp_layers_core::{
    Authentication, BoxError, Catalog, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest,
    Principal,
};
use mcp_layers_timing::{Attribute, Metric, RecordActive, RecordDuration, Recorder};
use mcp_layers_util::CatchErrorLayer;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracer, SdkTracerProvider};
use serde_json::json;
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};

type Boxed = BoxCloneSyncService<JsonRpcRequest, JsonRpcResponse, BoxError>;

/// Wraps a service in one layer.
pub(crate) type PutAround = Box<dyn Fn(Boxed) -> Boxed>;

pub(crate) fn put<L>(layer: L) -> PutAround
where
    L: Layer<Boxed> + 'static,
    L::Service: Service<JsonRpcRequest, Response = JsonRpcResponse> + Clone + Send + Sync + 'static,
    <L::Service as Service<JsonRpcRequest>>::Error: Into<BoxError>,
    <L::Service as Service<JsonRpcRequest>>::Future: Send + 'static,
{
    Box::new(move |inner| Boxed::new(layer.layer(inner).map_err(Into::into)))
}

/// A call of a tool without a principal.
pub(crate) fn anonymous(tool: &str) -> JsonRpcRequest {
    let mut request = JsonRpcRequest::call_tool(1, tool, json!({}));
    let tools = ["fail", "fine", "hang", "leak", "panic", "safe", "spent"];
    let catalog = Catalog::new().with_tools(tools);
    request.context_mut().set_catalog(catalog);
    request
}

/// The same request with a principal.
pub(crate) fn by(who: &str, mut request: JsonRpcRequest) -> JsonRpcRequest {
    let principal = Principal::new(who, Authentication::Bearer);
    let principal = principal.with_credential_digest(who.as_bytes());
    request.context_mut().set_principal(Arc::new(principal));
    request
}

/// All layers in one order around the handler.
pub(crate) struct Stack {
    service: BoxCloneSyncService<JsonRpcRequest, JsonRpcResponse, Infallible>,
    runs: Runs,
    counts: Counts,
    order: Vec<usize>,
}

/// The number of runs of the handler, by tool.
type Runs = Arc<Mutex<HashMap<String, usize>>>;

impl Stack {
    pub(crate) fn new(layers: &[PutAround], order: Vec<usize>, counts: Counts) -> Self {
        let runs = Runs::default();
        let stack = order
            .iter()
            .rfold(handler(&runs), |inner, index| layers[*index](inner));
        // What an adapter puts outside of every stack.
        let service = BoxCloneSyncService::new(CatchErrorLayer::new().layer(stack));
        Self {
            service,
            runs,
            counts,
            order,
        }
    }

    pub(crate) async fn send(&self, request: JsonRpcRequest) -> JsonRpcResponse {
        let Ok(response) = self.service.clone().oneshot(request).await;
        response
    }

    /// The number of runs of the handler for a tool.
    pub(crate) fn runs(&self, tool: &str) -> usize {
        self.runs.lock().unwrap().get(tool).copied().unwrap_or(0)
    }

    /// The number of durations that were recorded.
    pub(crate) fn durations(&self) -> usize {
        self.counts.durations.load(SeqCst)
    }

    /// The number of spans that were exported.
    pub(crate) fn spans(&self) -> usize {
        self.counts.spans.get_finished_spans().unwrap().len()
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in the order {:?}", self.order)
    }
}

fn handler(runs: &Runs) -> Boxed {
    let runs = Arc::clone(runs);
    let handler = tower::service_fn(move |request: JsonRpcRequest| {
        let tool = request.target().unwrap_or_default().to_owned();
        let run = {
            let mut runs = runs.lock().unwrap();
            let run = runs.entry(tool.clone()).or_default();
            *run += 1;
            *run
        };
        async move {
            match &*tool {
                "fail" => Ok(JsonRpcResponse::error(&request, McpError::internal())),
                "safe" if run < 3 => Ok(JsonRpcResponse::error(&request, McpError::internal())),
                "leak" => {
                    let error = McpError::new(-32603, "password=hunter2");
                    Ok(JsonRpcResponse::error(&request, error))
                }
                "panic" => panic!("the handler panics over hunter2"),
                "hang" => std::future::pending().await,
                _ => Ok::<_, Infallible>(JsonRpcResponse::success(&request, json!({ "ok": true }))),
            }
        }
    });
    Boxed::new(handler.map_err(BoxError::from))
}

/// Counts what the timing layer records, and what the trace layer exports.
#[derive(Clone)]
pub(crate) struct Counts {
    durations: Arc<AtomicUsize>,
    spans: InMemorySpanExporter,
    tracers: SdkTracerProvider,
}

impl Counts {
    pub(crate) fn tracer(&self) -> SdkTracer {
        self.tracers.tracer("orders")
    }
}

impl Default for Counts {
    fn default() -> Self {
        let spans = InMemorySpanExporter::default();
        let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone());
        Self {
            durations: Arc::default(),
            spans,
            tracers: tracers.build(),
        }
    }
}

impl Recorder for Counts {
    fn duration(&self, _: Metric, _: &[Attribute]) -> RecordDuration {
        let durations = Arc::clone(&self.durations);
        Box::new(move |_| {
            durations.fetch_add(1, SeqCst);
        })
    }

    fn active(&self, _: Metric, _: &[Attribute]) -> RecordActive {
        Box::new(|_| {})
    }
}

/// Orders of the numbers below `count`: the recommended one and its reverse, each layer outside and
/// inside of all others, each pair of neighbours swapped, and as many more as a seed gives. Any two
/// layers so stand both ways round, and a failure names its order.
pub(crate) fn orders(count: usize) -> Vec<Vec<usize>> {
    let recommended: Vec<_> = (0..count).collect();
    let mut orders = vec![recommended.clone(), (0..count).rev().collect()];
    for one in 0..count {
        let others = recommended.iter().copied().filter(|other| *other != one);
        orders.push(std::iter::once(one).chain(others.clone()).collect());
        orders.push(others.chain([one]).collect());
        let mut swapped = recommended.clone();
        swapped.swap(one, (one + 1) % count);
        orders.push(swapped);
    }
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    while orders.len() < 250 {
        let mut order = recommended.clone();
        order.sort_by_cached_key(|_| {
            // xorshift64 (Marsaglia, 2003)
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        });
        orders.push(order);
    }
    orders
}
