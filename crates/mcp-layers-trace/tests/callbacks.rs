//! Callbacks at the start and the end of a span.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Sdk, attributes, call, exchange};
use mcp_layers_core::{Clock, Event, JsonRpcResponse, McpRequest, McpResponse};
use mcp_layers_test::{Answer, MockService, Task};
use mcp_layers_trace::TraceLayer;
use mcp_layers_util::conventions::CallOutcome;
use opentelemetry::trace::Status;
use tower::{Layer, Service, ServiceExt};

#[test]
fn an_end_has_request_outcome_trail_and_duration_together() {
    let sdk = Sdk::new();
    let clock = Clock::manual();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    let layer = sdk
        .server()
        .with_clock(clock.clone())
        .on_end(move |end, attributes| {
            attributes.add(
                "example.ms",
                i64::try_from(end.duration.as_millis()).unwrap(),
            );
            noted.lock().unwrap().push((
                end.request.method.to_string(),
                end.request.target.as_deref().map(str::to_owned),
                end.outcome,
                end.error_type.as_deref().map(str::to_owned),
                end.message.map(str::to_owned),
                end.trail.events().len(),
            ));
        });
    let service = layer.layer(tower::service_fn(
        move |request: mcp_layers_core::JsonRpcRequest| {
            clock.advance(Duration::from_millis(30));
            let error = mcp_layers_core::McpError::new(-32603, "broken");
            let mut response = JsonRpcResponse::from_error(request.reply_to(), error);
            response.trail_mut().push(Event::Cancelled);
            async move { Ok::<_, std::convert::Infallible>(response) }
        },
    ));
    common::run(service.oneshot(call("echo"))).unwrap();
    assert_eq!(attributes(&sdk.only())["example.ms"], "30");
    let expected = (
        "tools/call".to_owned(),
        Some("echo".to_owned()),
        CallOutcome::Code(-32603),
        Some("-32603".to_owned()),
        Some("broken".to_owned()),
        1,
    );
    assert_eq!(*seen.lock().unwrap(), [expected]);
}

#[test]
fn attributes_of_the_start_are_there_from_the_start() {
    let sdk = Sdk::new();
    let layer = sdk.server().on_start(|request, attributes| {
        attributes.add("example.method", request.method.as_str());
    });
    exchange(&layer, call("echo"), Answer::plausible());
    assert_eq!(attributes(&sdk.only())["example.method"], "tools/call");
}

/// Calls the layer's service, drops the call, and returns what `on_end` saw.
fn end_of_dropped(layer: TraceLayer) -> CallOutcome {
    let seen = Arc::new(Mutex::new(None));
    let noted = seen.clone();
    let layer = layer.on_end(move |end, _| {
        assert!(noted.lock().unwrap().replace(end.outcome).is_none());
    });
    let mut service = layer.layer(MockService::scripted([Answer::never()]));
    let mut task = Task::new(service.call(call("echo")));
    assert!(task.poll().is_pending());
    drop(task);
    seen.lock().unwrap().take().unwrap()
}

#[test]
fn an_end_is_reported_once_however_the_call_ends() {
    let sdk = Sdk::new();
    assert_eq!(end_of_dropped(sdk.server()), CallOutcome::Cancelled);
    // Without an SDK, too.
    assert_eq!(end_of_dropped(TraceLayer::server()), CallOutcome::Cancelled);
}

#[test]
fn a_callback_that_panics_fails_no_request() {
    let sdk = Sdk::new();
    let layer = sdk
        .server()
        .on_start(|_, _| std::panic::panic_any("start"))
        .on_end(|_, _| std::panic::panic_any("end"));
    assert!(exchange(&layer, call("echo"), Answer::plausible()).is_some());
    assert_eq!(sdk.only().name, "tools/call echo");
    // Also while another panic unwinds.
    assert!(exchange(&layer, call("echo"), Answer::panic("broken")).is_none());
    sdk.only();
}

#[test]
fn a_callback_that_panics_costs_no_status() {
    let sdk = Sdk::new();
    let layer = sdk.server().on_end(|_, _| std::panic::panic_any("end"));
    exchange(&layer, call("echo"), common::error(-32603));
    assert!(matches!(sdk.only().status, Status::Error { .. }));
}
