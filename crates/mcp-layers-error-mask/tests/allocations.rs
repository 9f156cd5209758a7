//! Allocations for results without an error: none.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;

use futures::FutureExt;
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse};
use mcp_layers_error_mask::ErrorMaskLayer;
use mcp_layers_test::{requests, results};
use serde_json::json;
use tower::{Layer, Service, service_fn};

#[test]
fn a_result_costs_no_allocation() {
    const CALLS: usize = 1_000;
    for request in [
        requests::call_tool(1, "echo", json!({})),
        requests::modern(requests::call_tool("one", "echo", json!({}))),
        requests::list_tools(1),
    ] {
        let response = JsonRpcResponse::success(&request, results::of(&request));
        let mut responses = vec![response; 2 * CALLS];
        let mut service = ErrorMaskLayer::new().layer(service_fn(move |_: JsonRpcRequest| {
            std::future::ready(Ok::<_, Infallible>(responses.pop().unwrap()))
        }));
        let mut run = || assert!(service.call(request.clone()).now_or_never().is_some());
        (0..10).for_each(|_| run());
        let measured = allocation_counter::measure(|| (0..CALLS).for_each(|_| run()));
        assert_eq!(measured.count_total, 0);
    }
}
