//! All layers there are, in the recommended order and in every other: no panic gets out, nothing
//! is bypassed, nothing runs twice.
#![allow(clippy::unwrap_used)]

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use mcp_layers_core::{
    BoxError, CancelLayer, CatchErrorLayer, CatchPanicLayer, JsonRpcRequest, JsonRpcResponse,
    McpError, McpRequest, McpResponse, ToolHints, short_lived,
};
use mcp_layers_rate_limit::{Quota, RateLimitLayer, Rule};
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
        put(CatchErrorLayer::new()),
        put(CatchPanicLayer::new()),
        put(CancelLayer::new()),
        put(limit()),
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
        (call("spent"), None),
        (call("spent"), Some(429)),
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
    // Refused once by the limit, wherever it stands, and by nothing else.
    assert_eq!(runs.load(SeqCst), sent - 1, "handlers run in {order:?}");
    // What the limit refuses, timing sees when it stands outside.
    let recorded = counts.durations.load(SeqCst);
    assert!(
        (sent - 1..=sent).contains(&recorded),
        "{recorded} durations recorded in {order:?}"
    );
}

/// Lets each tool be called once, and no more.
fn limit() -> RateLimitLayer {
    let quota = Quota::with_period(Duration::from_secs(3_600)).unwrap();
    RateLimitLayer::new([Rule::new("once", quota)]).unwrap()
}

/// Counts what [`TimingLayer`] records.
#[derive(Clone, Default)]
struct Counts {
    durations: Arc<AtomicUsize>,
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
