//! The allocations of a record on the path of a call.
#![allow(clippy::unwrap_used)]

mod common;

use std::convert::Infallible;

use common::{call, key};
use futures::FutureExt;
use mcp_layers_audit::{AuditLayer, Entry, Sink, Written};
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse};
use serde_json::json;
use tower::{Layer, Service, service_fn};

struct Nowhere;

impl Sink for Nowhere {
    fn write(&self, _: Entry) -> Written {
        Written::Taken
    }
}

#[test]
fn a_call_costs_few_allocations() {
    const CALLS: usize = 1_000;
    let layer = AuditLayer::new(Nowhere).unwrap();
    for layer in [layer.clone(), layer.key(&key())] {
        let request = call("echo").with_protocol_version("2026-07-28");
        let response = JsonRpcResponse::success(&request, json!({}));
        let mut responses = vec![response; CALLS + 10];
        let mut service = layer.layer(service_fn(move |_: JsonRpcRequest| {
            std::future::ready(Ok::<_, Infallible>(responses.pop().unwrap()))
        }));
        let mut run = || assert!(service.call(request.clone()).now_or_never().is_some());
        (0..10).for_each(|_| run());
        let measured = allocation_counter::measure(|| (0..CALLS).for_each(|_| run()));
        // The record, its method, its target and the protocol version; with digests their bytes.
        let each = measured.count_total / CALLS as u64;
        assert!(each <= 8, "{each} allocations");
    }
}
