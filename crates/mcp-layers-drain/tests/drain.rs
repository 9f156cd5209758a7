//! Requests before, during and at the end of a drain.
#![allow(clippy::unwrap_used)]

use std::{task::Poll, time::Duration};

use mcp_layers_core::{Event, JsonRpcRequest, JsonRpcResponse, McpResponse, Method, Outcome};
use mcp_layers_drain::{DrainHandle, DrainLayer, Drained};
use mcp_layers_test::{Answer, Gate, MockService, Task, requests, results};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt};

const LIMIT: Duration = Duration::from_secs(25);

fn call(id: i64) -> JsonRpcRequest {
    requests::call_tool(id, "report", json!({}))
}

fn drained(handle: &DrainHandle) -> Task<impl Future<Output = Drained>> {
    let handle = handle.clone();
    Task::new(async move { handle.drain(LIMIT).await })
}

/// The output of a future that is ready.
fn ready<F: Future>(task: &mut Task<F>) -> F::Output {
    match task.poll() {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("not ready"),
    }
}

fn custom_events(response: &JsonRpcResponse) -> Vec<&'static str> {
    let events = response.trail().events();
    let names = events.filter_map(|event| match event {
        Event::Custom {
            layer: "drain",
            name,
            ..
        } => Some(*name),
        _ => None,
    });
    names.collect()
}

fn on_the_wire(response: &JsonRpcResponse) -> Value {
    serde_json::to_value(response).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_requests_in_flight() {
    let gate = Gate::closed();
    let mock = MockService::new();
    mock.push(Answer::result(results::text("done")).behind(&gate));
    let layer = DrainLayer::new();
    let (handle, mut service) = (layer.handle(), layer.layer(mock.clone()));
    let mut in_flight = Task::new(service.call(call(1)));
    assert!(in_flight.poll().is_pending());
    assert_eq!(handle.stats().in_flight, 1);

    let mut drain = drained(&handle);
    assert!(drain.poll().is_pending());
    gate.open();
    let response = ready(&mut in_flight).unwrap();
    assert_eq!(response.outcome(), Outcome::Success);
    let report = ready(&mut drain);
    assert_eq!((report.ended, report.cut, report.left), (0, 0, 0));
}

#[tokio::test]
async fn new_requests_are_refused_during_a_drain_but_for_ping() {
    let layer = DrainLayer::new().retry_after(Duration::from_millis(1500));
    let mock = MockService::new();
    let (handle, service) = (layer.handle(), layer.layer(mock.clone()));
    handle.drain(LIMIT).await;
    let methods = Method::KNOWN
        .iter()
        .filter(|method| !method.is_notification());
    let mut refused = 0;
    for method in methods {
        let response = service
            .clone()
            .oneshot(requests::of(1, *method))
            .await
            .unwrap();
        if *method == Method::Ping {
            assert_eq!(response.outcome(), Outcome::Success);
            continue;
        }
        refused += 1;
        assert_eq!(custom_events(&response), ["refused"], "{method}");
        let error = response.into_error().unwrap();
        assert_eq!(error.code, 503);
        assert_eq!(error.message, "Server is shutting down: try again in 2 s");
        assert!(error.is_public());
        assert_eq!(
            error.data.unwrap(),
            json!({ "reason": "draining", "retryAfterMs": 1500 })
        );
    }
    assert_eq!(mock.calls(), 1);
    assert_eq!(handle.stats().refused, refused);
}

#[tokio::test]
async fn a_tool_call_is_refused_with_a_tool_error_if_asked_for() {
    let layer = DrainLayer::new().as_tool_error();
    layer.handle().drain(LIMIT).await;
    let service = layer.layer(MockService::new());
    let response = service.oneshot(call(1)).await.unwrap();
    assert_eq!(response.outcome(), Outcome::ToolError);
    assert_eq!(custom_events(&response), ["refused"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_at_the_limit_is_dropped_and_answered() {
    let mock = MockService::answering(|_| Answer::never());
    let layer = DrainLayer::new();
    let service = layer.layer(mock.clone());
    let tool = tokio::spawn(service.clone().oneshot(call(1)));
    let list = tokio::spawn(service.oneshot(requests::list_tools(2)));
    tokio::task::yield_now().await;

    let report = layer.handle().drain(LIMIT).await;
    assert_eq!((report.ended, report.cut, report.left), (0, 2, 0));
    assert_eq!((mock.in_flight(), mock.dropped()), (0, 2));
    let response = tool.await.unwrap().unwrap();
    assert_eq!(custom_events(&response), ["cut"]);
    assert!(
        response
            .trail()
            .events()
            .any(|event| *event == Event::OutcomeUnknown)
    );
    let error = response.into_error().unwrap();
    assert_eq!(error.code, 503);
    let outcome =
        "the outcome is unknown, the call may have taken effect: check before you repeat it";
    assert_eq!(error.message, format!("Server is shutting down: {outcome}"));
    assert_eq!(
        error.data.unwrap(),
        json!({ "reason": "draining", "outcome": "unknown" })
    );
    let response = list.await.unwrap().unwrap();
    assert_eq!(custom_events(&response), ["cut"]);
    assert_eq!(response.trail().events().len(), 1);
    assert_eq!(
        response.into_error().unwrap().data.unwrap()["retryAfterMs"],
        1000
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_blocks_is_left() {
    let mock = MockService::answering(|_| Answer::never());
    let layer = DrainLayer::new();
    let mut service = layer.layer(mock);
    // Nobody polls it: to the layer, that is the same.
    let _blocked = service.call(call(1));
    let report = layer.handle().drain(LIMIT).await;
    assert_eq!((report.ended, report.cut, report.left), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_is_no_longer_in_flight() {
    let layer = DrainLayer::new();
    let mut service = layer.layer(MockService::answering(|_| Answer::never()));
    let mut dropped = Task::new(service.call(call(1)));
    assert!(dropped.poll().is_pending());
    drop(dropped);
    assert_eq!(layer.handle().stats().in_flight, 0);
    assert!(drained(&layer.handle()).poll().is_ready());
}

#[tokio::test(start_paused = true)]
async fn subscriptions_end_at_once_with_the_result_of_the_protocol() {
    let layer = DrainLayer::new();
    let mut service = layer.layer(MockService::answering(|_| Answer::never()));
    let mut listen = Task::new(service.call(requests::of(7, Method::Listen)));
    let mut result = Task::new(service.call(requests::of(8, Method::TaskResult)));
    let mut work = Task::new(service.call(call(9)));
    assert!(listen.poll().is_pending() && result.poll().is_pending() && work.poll().is_pending());

    let handle = layer.handle();
    let mut drain = drained(&handle);
    assert!(drain.poll().is_pending());
    assert!(listen.is_woken() && result.is_woken() && !work.is_woken());
    let response = ready(&mut listen).unwrap();
    assert_eq!(custom_events(&response), ["ended"]);
    let meta = json!({ "io.modelcontextprotocol/subscriptionId": 7 });
    let ended = json!({ "resultType": "complete", "_meta": meta });
    assert_eq!(
        on_the_wire(&response),
        json!({ "jsonrpc": "2.0", "id": 7, "result": ended })
    );
    let response = ready(&mut result).unwrap();
    assert_eq!(custom_events(&response), ["ended"]);
    assert_eq!(
        response.into_error().unwrap().data.unwrap()["retryAfterMs"],
        1000
    );
    assert!(work.poll().is_pending());
    drop(work);
    let report = ready(&mut drain);
    assert_eq!((report.ended, report.cut, report.left), (2, 0, 0));
}

#[tokio::test]
async fn readiness_ends_before_the_drain() {
    let layer = DrainLayer::new();
    let (handle, service) = (layer.handle(), layer.layer(MockService::new()));
    assert!(handle.is_ready());
    handle.set_ready(false);
    assert!(!handle.is_ready());
    let response = service.clone().oneshot(call(1)).await.unwrap();
    assert_eq!(response.outcome(), Outcome::Success);
    handle.set_ready(true);
    assert!(handle.is_ready());
    handle.drain(LIMIT).await;
    handle.set_ready(true);
    assert!(!handle.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_second_drain_joins_the_first() {
    let mock = MockService::answering(|_| Answer::never());
    let layer = DrainLayer::new();
    let in_flight = tokio::spawn(layer.layer(mock).oneshot(call(1)));
    tokio::task::yield_now().await;
    let handle = layer.handle();
    let (hour, second) = (Duration::from_secs(3600), Duration::from_secs(1));
    let (long, short) = tokio::join!(handle.drain(hour), handle.drain(second));
    assert_eq!((long.cut, short.cut), (1, 1));
    assert_eq!(
        in_flight.await.unwrap().unwrap().outcome().code(),
        Some(503)
    );
}
