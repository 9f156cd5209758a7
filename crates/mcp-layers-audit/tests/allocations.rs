//! The allocations of a record on the path of a call.
#![allow(clippy::unwrap_used)]

mod common;

use std::{convert::Infallible, sync::Arc};

use common::{call, folder, key, options};
use futures::FutureExt;
use mcp_layers_audit::{AuditLayer, ChannelSink, Entry, FileSink, Sink, SyncPolicy, Written};
use mcp_layers_core::{Authentication, JsonRpcRequest, JsonRpcResponse, McpRequest, Principal};
use serde_json::json;
use tower::{Layer, Service, service_fn};

struct Nowhere;

impl Sink for Nowhere {
    fn write(&self, _: Entry) -> Written {
        Written::Taken
    }
}

/// The allocations of a call of a tool, by a principal. What is made only now and then, as the blocks
/// of a channel are, counts less than one.
fn per_call(layer: &AuditLayer, tool: &str) -> u64 {
    const CALLS: usize = 1_000;
    let mut request = call(tool).with_protocol_version("2026-07-28");
    let response = JsonRpcResponse::success(&request, json!({}));
    let ada = Principal::new("ada", Authentication::Bearer).with_issuer("https://as.example");
    request.context_mut().set_principal(Arc::new(ada));
    let mut responses = vec![response; CALLS + 10];
    let mut service = layer.layer(service_fn(move |_: JsonRpcRequest| {
        std::future::ready(Ok::<_, Infallible>(responses.pop().unwrap()))
    }));
    let mut run = |request| assert!(service.call(request).now_or_never().is_some());
    (0..10).for_each(|_| run(request.clone()));
    let mut requests = vec![request; CALLS];
    let measured = allocation_counter::measure(|| requests.drain(..).for_each(&mut run));
    measured.count_total / CALLS as u64
}

#[test]
fn a_record_is_one_allocation_and_each_long_text_one_more() {
    let layer = AuditLayer::new(Nowhere).unwrap();
    assert_eq!(per_call(&layer, "echo"), 1);
    assert_eq!(per_call(&layer, &"long".repeat(10)), 2);
}

#[test]
fn a_limited_sink_adds_the_share_of_the_caller() {
    let (sink, _records) = ChannelSink::bounded(10_000).unwrap();
    assert_eq!(per_call(&AuditLayer::new(sink).unwrap(), "echo"), 2);
    let (_folder, path) = folder();
    let options = options().sync(SyncPolicy::Interval(common::PATIENCE));
    let file = FileSink::open(&path, options).unwrap();
    assert_eq!(per_call(&AuditLayer::new(file).unwrap(), "echo"), 2);
}

#[test]
fn digests_of_arguments_add_their_canonical_bytes() {
    let layer = AuditLayer::new(Nowhere).unwrap().key(&key());
    let each = per_call(&layer, "echo");
    assert!((2..=5).contains(&each), "{each}");
}
