//! Spans of requests that stay open.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::{Arc, Mutex};

use common::{Sdk, attributes, error, exchange};
use mcp_layers_core::{JsonRpcRequest, McpRequest};
use mcp_layers_test::{Gate, Task, requests, results};
use mcp_layers_trace::{TraceLayer, current_ids};
use opentelemetry::trace::Status;
use tower::{Layer, Service, service_fn};

/// A server that acknowledges the request, and keeps it open until the gate is.
fn subscribed(
    layer: &TraceLayer,
    gate: &Gate,
) -> Task<impl Future<Output = Result<mcp_layers_core::JsonRpcResponse, &'static str>> + use<>> {
    let gate = gate.clone();
    let mut service = layer.layer(service_fn(move |request: JsonRpcRequest| {
        let gate = gate.clone();
        async move {
            if let Some(progress) = request.context().progress() {
                progress.report();
            }
            gate.passed().await;
            assert!(current_ids().is_some());
            let result = results::of(&request);
            Ok(mcp_layers_core::JsonRpcResponse::success(&request, result))
        }
    }));
    Task::new(service.call(requests::listen(1, &[requests::RESOURCE])))
}

#[test]
fn the_span_ends_at_the_acknowledgement() {
    let sdk = Sdk::new();
    let ends = Arc::new(Mutex::new(Vec::new()));
    let noted = ends.clone();
    let layer = sdk
        .server()
        .on_end(move |end, _| noted.lock().unwrap().push(end.is_opening));
    let gate = Gate::closed();
    let mut task = subscribed(&layer, &gate);
    assert!(task.poll().is_pending());
    let span = sdk.only();
    assert_eq!(
        (&*span.name, &span.status),
        ("subscriptions/listen", &Status::Unset)
    );
    gate.open();
    assert!(task.poll().is_ready());
    assert!(sdk.spans().is_empty());
    assert_eq!(*ends.lock().unwrap(), [true]);
}

#[test]
fn an_open_request_that_is_dropped_has_ended_already() {
    let sdk = Sdk::new();
    let mut task = subscribed(&sdk.server(), &Gate::closed());
    assert!(task.poll().is_pending());
    drop(task);
    assert!(!attributes(&sdk.only()).contains_key("error.type"));
}

#[test]
fn a_long_span_lasts_to_the_end_on_request() {
    let sdk = Sdk::new();
    let gate = Gate::closed();
    let mut task = subscribed(&sdk.server().long_spans(), &gate);
    assert!(task.poll().is_pending());
    assert!(sdk.spans().is_empty());
    drop(task);
    assert_eq!(attributes(&sdk.only())["error.type"], "cancelled");
}

#[test]
fn a_refusal_is_the_end_of_the_opening() {
    let sdk = Sdk::new();
    for method in ["subscriptions/listen", "tasks/result"] {
        exchange(&sdk.server(), JsonRpcRequest::new(1, method), error(403));
        assert_eq!(attributes(&sdk.only())["error.type"], "403");
    }
}

#[test]
fn a_call_with_progress_is_no_long_lived_one() {
    let sdk = Sdk::new();
    let mut service = sdk
        .server()
        .layer(service_fn(|mut request: JsonRpcRequest| async move {
            request.context_mut().watch_progress().report();
            std::future::pending::<Result<mcp_layers_core::JsonRpcResponse, &str>>().await
        }));
    let mut task = Task::new(service.call(common::call("echo")));
    assert!(task.poll().is_pending());
    assert!(sdk.spans().is_empty());
}
