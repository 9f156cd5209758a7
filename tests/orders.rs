//! All layers there are, in the recommended order and in every other: no panic gets out, nothing
//! is bypassed, nothing runs twice.
#![allow(clippy::unwrap_used)]

use std::{
    convert::Infallible,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use mcp_layers_audit::{AuditLayer, ChannelSink, Records};
use mcp_layers_core::{
    BoxError, CancelLayer, CatchErrorLayer, CatchPanicLayer, JsonRpcRequest, JsonRpcResponse,
    McpError, McpRequest, McpResponse, ToolHints, short_lived,
};
use mcp_layers_timing::{Attribute, Metric, RecordActive, RecordDuration, Recorder, TimingLayer};
use serde_json::json;
use tower::{Layer, Service, ServiceExt, timeout::TimeoutLayer, util::BoxCloneSyncService};

type Boxed = BoxCloneSyncService<JsonRpcRequest, JsonRpcResponse, BoxError>;
type PutAround = Box<dyn Fn(Boxed) -> Boxed>;

/// Every layer, from the outermost to the innermost. A new one is one line, and what it must never
/// let happen one line in [`check`].
fn layers(counts: &Counts) -> Vec<PutAround> {
    vec![
        put(TimingLayer::server().recorder(counts.clone())),
        put(counts.audit()),
        put(CatchErrorLayer::new()),
        put(CatchPanicLayer::new()),
        put(CancelLayer::new()),
        put(ToolHints::new().layer()),
        put(short_lived(TimeoutLayer::new(Duration::from_secs(1)))),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_order_keeps_the_rules() {
    let orders = orders(layers(&Counts::default()).len());
    assert!(orders.len() >= 200, "{}", orders.len());
    for order in orders {
        check(&order).await;
    }
}

async fn check(order: &[usize]) {
    let counts = Counts::default();
    let runs = Arc::new(AtomicUsize::new(0));
    let ran = Arc::clone(&runs);
    let handler = tower::service_fn(move |request: JsonRpcRequest| {
        ran.fetch_add(1, SeqCst);
        async move {
            let tool = request.target().map(ToOwned::to_owned);
            match tool.as_deref() {
                Some("fail") => Ok(JsonRpcResponse::error(&request, McpError::internal())),
                Some("panic") => panic!("the handler panics"),
                Some("hang") => std::future::pending().await,
                _ => Ok::<_, Infallible>(JsonRpcResponse::success(&request, json!({ "ok": true }))),
            }
        }
    });
    let handler = Boxed::new(handler.map_err(BoxError::from));
    let layers = layers(&counts);
    let stack = order
        .iter()
        .rfold(handler, |inner, index| layers[*index](inner));
    // What an adapter puts outside of every stack.
    let stack = CatchErrorLayer::new().layer(stack);

    let call = |tool| JsonRpcRequest::call_tool(1, tool, json!({}));
    let requests = [
        (call("fine"), None),
        (call("fail"), Some(-32603)),
        (call("hang"), Some(504)),
        (JsonRpcRequest::new(1, "initialize"), None),
        (JsonRpcRequest::new(1, "subscriptions/listen"), None),
        (JsonRpcRequest::new(1, "vendor/thing"), None),
        (call("panic"), Some(-32603)),
    ];
    let sent = requests.len();
    for (request, code) in requests {
        let method = request.method().to_string();
        let target = request.target().map(ToOwned::to_owned);
        let response = stack.clone().oneshot(request).await.unwrap();
        assert_eq!(
            response.outcome().code(),
            code,
            "{method} {target:?} in {order:?}"
        );
    }
    assert_eq!(runs.load(SeqCst), sent, "handlers run in {order:?}");
    assert_eq!(
        counts.durations.load(SeqCst),
        sent,
        "durations recorded in {order:?}"
    );
    // A subscription has an open record too.
    assert_eq!(counts.audited(), sent + 1, "audit records in {order:?}");
}

/// Counts what [`TimingLayer`] records.
#[derive(Clone, Default)]
struct Counts {
    durations: Arc<AtomicUsize>,
    audited: Arc<Mutex<Option<Records>>>,
}

impl Counts {
    fn audit(&self) -> AuditLayer {
        let (sink, records) = ChannelSink::bounded(NonZeroUsize::new(64).unwrap());
        *self.audited.lock().unwrap() = Some(records);
        AuditLayer::new(sink).unwrap()
    }

    /// How many records [`AuditLayer`] made.
    fn audited(&self) -> usize {
        let mut records = self.audited.lock().unwrap();
        let next = || records.as_mut().and_then(Records::try_next);
        std::iter::from_fn(next).count()
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

fn put<L>(layer: L) -> PutAround
where
    L: Layer<Boxed> + 'static,
    L::Service: Service<JsonRpcRequest, Response = JsonRpcResponse> + Clone + Send + Sync + 'static,
    <L::Service as Service<JsonRpcRequest>>::Error: Into<BoxError>,
    <L::Service as Service<JsonRpcRequest>>::Future: Send + 'static,
{
    Box::new(move |inner| Boxed::new(layer.layer(inner).map_err(Into::into)))
}

/// Orders of the numbers below `count`: the recommended one and its reverse, each layer outside and
/// inside of all others, each pair of neighbours swapped, and as many more as a seed gives. Any two
/// layers so stand both ways round, and a failure names its order.
fn orders(count: usize) -> Vec<Vec<usize>> {
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
