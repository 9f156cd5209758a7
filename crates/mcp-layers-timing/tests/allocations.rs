//! Recording a call of a known tool does not allocate.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    convert::Infallible,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use common::{call, respond};
use futures::FutureExt;
use mcp_layers_core::{Catalog, JsonRpcRequest, McpRequest};
use mcp_layers_timing::{Attribute, Metric, RecordActive, RecordDuration, Recorder, TimingLayer};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use tower::{Layer, Service, service_fn};

/// Counts, and allocates nothing.
struct Count(Arc<AtomicU64>);

impl Recorder for Count {
    fn duration(&self, _: Metric, _: &[Attribute]) -> RecordDuration {
        let count = self.0.clone();
        Box::new(move |_| {
            count.fetch_add(1, Relaxed);
        })
    }

    fn active(&self, _: Metric, _: &[Attribute]) -> RecordActive {
        Box::new(|_| {})
    }
}

const CALLS: u64 = 1_000;

/// The number of allocations of `CALLS` calls, whose answers were made beforehand.
fn allocations(layer: &TimingLayer, answer: Result<serde_json::Value, i32>) -> u64 {
    let mut request = call("echo").with_protocol_version("2026-07-28");
    let catalog = Catalog::new().with_tools(["echo"]);
    request.context_mut().set_catalog(catalog);
    let response = respond(&request, answer);
    let mut responses = vec![response.clone(); 2 * usize::try_from(CALLS).unwrap()];
    let mut service = layer.layer(service_fn(move |_: JsonRpcRequest| {
        std::future::ready(Ok::<_, Infallible>(responses.pop().unwrap()))
    }));
    let mut run = || {
        let answer = service.call(request.clone()).now_or_never();
        assert!(answer.is_some());
    };
    (0..10).for_each(|_| run());
    let measured = allocation_counter::measure(|| (0..CALLS).for_each(|_| run()));
    measured.count_total
}

#[test]
fn a_call_of_a_known_tool_allocates_nothing() {
    for answer in [
        Ok(json!({})),
        Ok(json!({ "isError": true })),
        Err(-32603),
        Err(1),
    ] {
        let count = Arc::default();
        let layer = TimingLayer::server().recorder(Count(Arc::clone(&count)));
        assert_eq!(allocations(&layer, answer.clone()), 0, "{answer:?}");
        assert_eq!(count.load(Relaxed), CALLS + 10);
    }
}

#[test]
fn the_prometheus_exporter_allocates_rarely() {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        let layer = TimingLayer::server();
        // Its own: a block for every 64 measurements that it has not yet sorted into buckets.
        let blocks = CALLS.div_ceil(64) + 1;
        assert!(allocations(&layer, Ok(json!({}))) <= blocks);
    });
}
