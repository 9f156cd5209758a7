//! Every request is recorded once, however it ends.

mod common;

use std::{convert::Infallible, future::poll_fn, panic, task::Poll, time::Duration};

use common::{Memory, call, pending, respond, server};
use futures::{FutureExt, executor::block_on};
use mcp_layers_core::{Clock, JsonRpcRequest, JsonRpcResponse};
use mcp_layers_timing::{Attribute, Metric, RecordActive, RecordDuration, Recorder, TimingLayer};
use mcp_layers_util::CancelLayer;
use serde_json::json;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

fn error_type(memory: &Memory) -> Option<String> {
    memory.only().get("error.type").cloned()
}

#[test]
fn the_duration_is_that_of_the_call() {
    let (layer, memory) = server();
    let clock = Clock::manual();
    let inner = clock.clone();
    let mut service =
        layer
            .with_clock(clock.clone())
            .layer(service_fn(move |request: JsonRpcRequest| {
                let clock = inner.clone();
                async move {
                    clock.advance(Duration::from_millis(30));
                    Ok::<_, Infallible>(respond(&request, Ok(json!({}))))
                }
            }));
    block_on(poll_fn(|cx| {
        Service::<JsonRpcRequest>::poll_ready(&mut service, cx)
    }))
    .unwrap();
    // What passes before the call is not the call's.
    clock.advance(Duration::from_secs(5));
    block_on(service.call(call("echo"))).unwrap();
    assert_eq!(memory.measurements()[0].2, Duration::from_millis(30));
}

#[test]
fn a_dropped_future_is_recorded_once_as_cancelled() {
    let (layer, memory) = server();
    let clock = Clock::manual();
    let mut service = layer.with_clock(clock.clone()).layer(pending());
    let mut future = service.call(call("echo"));
    assert!((&mut future).now_or_never().is_none());
    clock.advance(Duration::from_secs(3));
    assert_eq!(memory.in_flight("tools/call"), 1);
    assert!(memory.measurements().is_empty());
    drop(future);
    assert_eq!(error_type(&memory).as_deref(), Some("cancelled"));
    assert_eq!(memory.only().get("rpc.response.status_code"), None);
    assert_eq!(memory.measurements()[0].2, Duration::from_secs(3));
    assert_eq!(memory.in_flight("tools/call"), 0);
}

#[test]
fn a_future_that_was_never_polled_is_recorded_too() {
    let (layer, memory) = server();
    drop(layer.layer(pending()).call(call("echo")));
    assert_eq!(error_type(&memory).as_deref(), Some("cancelled"));
    assert_eq!(memory.in_flight("tools/call"), 0);
}

#[test]
fn a_finished_future_is_not_recorded_again_when_it_is_dropped() {
    let (layer, memory) = server();
    let mut service = layer.layer(service_fn(|request: JsonRpcRequest| async move {
        Ok::<_, Infallible>(respond(&request, Ok(json!({}))))
    }));
    let mut future = Box::pin(service.call(call("echo")));
    block_on(&mut future).unwrap();
    assert_eq!(memory.in_flight("tools/call"), 0);
    drop(future);
    assert_eq!(error_type(&memory), None);
    assert_eq!(memory.in_flight("tools/call"), 0);
}

#[test]
fn a_request_that_the_caller_cancelled_has_the_code_too() {
    let (layer, memory) = server();
    let service = ServiceBuilder::new()
        .layer(layer)
        .layer(CancelLayer::new())
        .service(pending());
    let request = call("echo");
    request.cancellation().cancel();
    block_on(service.oneshot(request)).unwrap();
    assert_eq!(error_type(&memory).as_deref(), Some("cancelled"));
    assert_eq!(memory.only()["rpc.response.status_code"], "499");
}

#[test]
fn a_panic_while_the_service_runs_is_recorded_once_as_other() {
    let (layer, memory) = server();
    let mut service = layer.layer(service_fn(|_: JsonRpcRequest| async {
        panic!("while it runs");
        #[allow(unreachable_code)]
        Ok::<JsonRpcResponse, Infallible>(unreachable!())
    }));
    let future = service.call(call("echo"));
    assert!(block_on(panic::AssertUnwindSafe(future).catch_unwind()).is_err());
    assert_eq!(error_type(&memory).as_deref(), Some("_OTHER"));
    assert_eq!(memory.in_flight("tools/call"), 0);
}

#[test]
fn a_panic_that_is_caught_before_the_future_is_dropped_is_no_cancellation() {
    let (layer, memory) = server();
    let mut service = layer.layer(service_fn(|_: JsonRpcRequest| {
        poll_fn(|_| -> Poll<Result<JsonRpcResponse, Infallible>> { panic!("caught") })
    }));
    let mut future = Box::pin(service.call(call("echo")));
    let poll = panic::AssertUnwindSafe(|| (&mut future).now_or_never());
    assert!(panic::catch_unwind(poll).is_err());
    drop(future);
    assert_eq!(error_type(&memory).as_deref(), Some("_OTHER"));
}

#[test]
fn a_panic_in_the_call_itself_is_recorded_once_as_other() {
    let (layer, memory) = server();
    let mut service = layer.layer(service_fn(
        |_: JsonRpcRequest| -> std::future::Ready<Result<JsonRpcResponse, Infallible>> {
            panic!("in the call")
        },
    ));
    let call = panic::AssertUnwindSafe(|| service.call(call("echo")));
    assert!(panic::catch_unwind(call).is_err());
    assert_eq!(error_type(&memory).as_deref(), Some("_OTHER"));
    assert_eq!(memory.in_flight("tools/call"), 0);
}

#[test]
fn a_panic_elsewhere_is_a_cancellation() {
    let (layer, memory) = server();
    let mut service = layer.layer(pending());
    let future = service.call(call("echo"));
    let unwind = panic::AssertUnwindSafe(move || {
        let _future = future;
        panic!("elsewhere");
    });
    assert!(panic::catch_unwind(unwind).is_err());
    assert_eq!(error_type(&memory).as_deref(), Some("cancelled"));
}

/// Panics at everything it is asked.
struct Broken;

impl Recorder for Broken {
    fn duration(&self, _: Metric, attributes: &[Attribute]) -> RecordDuration {
        assert!(attributes[0].value == "tools/call", "at once");
        Box::new(|_| panic!("later"))
    }

    fn active(&self, _: Metric, attributes: &[Attribute]) -> RecordActive {
        assert!(attributes[0].value == "tools/call", "at once");
        Box::new(|_| panic!("later"))
    }
}

#[test]
fn a_recorder_that_panics_fails_no_request() {
    let layer = TimingLayer::server().recorder(Broken);
    for _ in 0..2 {
        common::exchange(&layer, call("echo"), Ok(json!({})));
        common::exchange(&layer, JsonRpcRequest::new(1, "ping"), Ok(json!({})));
    }
    // In the middle of another panic it would end the process.
    let future = layer.layer(pending()).call(call("echo"));
    let unwind = panic::AssertUnwindSafe(move || {
        let _future = future;
        panic!("elsewhere");
    });
    assert!(panic::catch_unwind(unwind).is_err());
}
