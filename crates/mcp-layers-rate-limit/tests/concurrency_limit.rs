//! The concurrency limit: at most so many calls in flight, and every place is given back.
#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroUsize;

use common::{by, call, error};
use futures::executor::block_on;
use mcp_layers_core::{JsonRpcRequest, McpResponse, Method, Outcome};
use mcp_layers_rate_limit::ConcurrencyLimitLayer;
use mcp_layers_test::{Answer, Gate, MockService, Task, requests};
use serde_json::json;
use tower::{Layer, Service, ServiceExt};

fn hanging() -> MockService {
    MockService::answering(|_| Answer::never())
}

#[test]
fn a_caller_beyond_the_limit_is_refused_and_others_are_not() {
    let layer = ConcurrencyLimitLayer::new("in-flight", 2).unwrap();
    let mut service = layer.layer(hanging());
    let mut start = |request| {
        let mut task = Task::new(service.call(request));
        (task.poll().is_pending(), task)
    };
    let held: Vec<_> = (0..2).map(|_| start(by("ada", call("dig")))).collect();
    assert!(held.iter().all(|(pending, _)| *pending));
    assert!(!start(by("ada", call("other"))).0);
    assert!(start(by("bob", call("dig"))).0);
    // What does no work takes no place, and needs none.
    assert!(start(by("ada", requests::list_tools(1))).0);
    assert!(start(by("ada", requests::of(1, Method::Ping))).0);
    drop(held);
    assert!(start(by("ada", call("dig"))).0);
}

#[test]
fn a_refusal_is_429_with_a_reason_of_its_own() {
    let layer = ConcurrencyLimitLayer::new("in-flight", 1).unwrap();
    let mut service = layer.layer(hanging());
    let _held = service.call(by("ada", call("dig")));
    let response = block_on(service.call(by("ada", call("dig")))).unwrap();
    assert_eq!(response.trail().events().len(), 1);
    let error = error(response);
    assert_eq!(error.code, 429);
    let message = "Too many requests at once: try again later (limit in-flight)";
    assert_eq!(error.message, message);
    let data = json!({ "reason": "concurrency_limited", "rule": "in-flight" });
    assert_eq!(error.data, Some(data));

    let layer = layer.as_tool_error();
    let mut service = layer.layer(hanging());
    let _held = service.call(by("ada", call("dig")));
    let response = block_on(service.call(by("ada", call("dig")))).unwrap();
    assert_eq!(response.outcome(), Outcome::ToolError);
}

#[test]
fn long_lived_requests_take_no_calls_place() {
    let listen = || by("ada", requests::listen(1, &[]));
    let layer = ConcurrencyLimitLayer::new("in-flight", 1).unwrap();
    let mut service = layer.layer(hanging());
    let _streams: Vec<_> = (0..10).map(|_| service.call(listen())).collect();
    assert_eq!(layer.handle().stats().in_flight, 0);

    let layer = layer.max_long_lived(2).unwrap();
    let mut service = layer.layer(hanging());
    let _streams: Vec<_> = (0..2).map(|_| service.call(listen())).collect();
    assert_eq!(
        block_on(service.call(listen())).unwrap().outcome().code(),
        Some(429)
    );
    let mut other = Task::new(service.call(by("ada", call("dig"))));
    assert!(other.poll().is_pending());
    assert_eq!(layer.handle().stats().in_flight, 3);
}

#[test]
fn a_place_is_free_when_the_answer_is_there() {
    let layer = ConcurrencyLimitLayer::new("in-flight", 1).unwrap();
    let gate = Gate::closed();
    let behind = gate.clone();
    let mut service = layer.layer(MockService::answering(move |_: &JsonRpcRequest| {
        Answer::plausible().behind(&behind)
    }));
    let mut task = Task::new(service.call(call("dig")));
    assert!(task.poll().is_pending());
    gate.open();
    assert!(task.poll().is_ready());
    // The future is there still, and has given its place back.
    assert_eq!(layer.handle().stats().in_flight, 0);
}

#[test]
fn a_million_calls_cancelled_while_they_run_leak_no_place() {
    let layer = ConcurrencyLimitLayer::new("in-flight", 1).unwrap();
    let mut service = layer.layer(hanging());
    let request = by("ada", call("dig"));
    for _ in 0..1_000_000 {
        let future = service.call(request.clone());
        assert_eq!(layer.handle().stats().in_flight, 1);
        drop(future);
    }
    assert_eq!(layer.handle().stats().in_flight, 0);
}

#[test]
fn a_service_that_panics_leaks_no_place() {
    let layer = ConcurrencyLimitLayer::new("in-flight", 1).unwrap();
    for answer in [
        Answer::panic_in_call("no"),
        Answer::panic("no"),
        Answer::fail("no"),
    ] {
        let service = layer.layer(MockService::scripted([answer]));
        let call =
            std::panic::AssertUnwindSafe(|| block_on(service.oneshot(call("dig"))).map(|_| ()));
        let _ = std::panic::catch_unwind(call);
        assert_eq!(layer.handle().stats().in_flight, 0);
    }
}

#[test]
fn a_key_without_calls_takes_no_memory_and_refusals_are_counted() {
    let layer = ConcurrencyLimitLayer::new("in-flight", 1).unwrap();
    let handle = layer.handle();
    let mut service = layer.layer(hanging());
    let held: Vec<_> = ["ada", "ada", "bob"]
        .map(|subject| service.call(by(subject, call("dig"))))
        .into();
    let stats = handle.stats();
    assert_eq!((stats.in_flight, stats.keys, stats.refused), (2, 2, 1));
    drop(held);
    let stats = handle.stats();
    assert_eq!((stats.in_flight, stats.keys), (0, 0));
}

#[test]
fn limits_of_zero_and_unusable_names_are_errors() {
    assert!(ConcurrencyLimitLayer::new("in-flight", 0).is_err());
    assert!(ConcurrencyLimitLayer::new("", 1).is_err());
    let layer = ConcurrencyLimitLayer::new("in-flight", 1).unwrap();
    assert!(layer.max_long_lived(0).is_err());
}

#[test]
fn a_limit_that_is_set_holds_for_the_next_call_and_takes_no_place_away() {
    let layer = ConcurrencyLimitLayer::new("in-flight", 2).unwrap();
    let mut service = layer.layer(hanging());
    let mut start = || {
        let mut task = Task::new(service.call(by("ada", call("dig"))));
        task.poll().is_pending().then_some(task)
    };
    let (first, second) = (start().unwrap(), start().unwrap());
    let handle = layer.handle();
    let limit = |limit| handle.set_max_in_flight(NonZeroUsize::new(limit).unwrap());
    limit(1);
    assert_eq!(handle.stats().in_flight, 2);
    drop(first);
    assert!(start().is_none());
    limit(3);
    let _more = (start().unwrap(), start().unwrap());
    assert!(start().is_none());
    drop(second);
}
