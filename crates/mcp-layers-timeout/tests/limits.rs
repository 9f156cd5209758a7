//! Requests end at their limits.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use mcp_layers_core::{Event, JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse, Outcome};
use mcp_layers_test::{Answer, Gate, MockService, requests};
use mcp_layers_timeout::{Limits, TimeoutLayer};
use serde_json::json;
use tokio::time::{advance, sleep};
use tower::{Layer, Service, ServiceExt};

const SECOND: Duration = Duration::from_secs(1);

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The duration of a request that is never answered, and its response.
async fn never(layer: &TimeoutLayer, request: JsonRpcRequest) -> (Duration, JsonRpcResponse) {
    let mock = MockService::answering(|_| Answer::never());
    let started = now();
    let response = layer.layer(mock.clone()).oneshot(request).await.unwrap();
    assert_eq!((mock.calls(), mock.in_flight(), mock.dropped()), (1, 0, 1));
    (now() - started, response)
}

fn call(tool: &str) -> JsonRpcRequest {
    requests::call_tool(1, tool, json!({}))
}

fn with_token(tool: &str) -> JsonRpcRequest {
    let mut request = call(tool);
    let meta = request.meta_mut().unwrap();
    meta.insert("progressToken".to_owned(), json!("p"));
    request
}

#[tokio::test(start_paused = true)]
async fn limits_by_tool_method_and_in_general() {
    let layer = TimeoutLayer::new(30 * SECOND)
        .tool("quick", Limits::maximum(SECOND))
        .unwrap()
        .method("resources/read", Limits::maximum(5 * SECOND))
        .unwrap()
        .method("vendor/thing", Limits::maximum(2 * SECOND))
        .unwrap()
        .method("initialize", Limits::maximum(3 * SECOND))
        .unwrap();
    let read = requests::of(1, mcp_layers_core::Method::ReadResource);
    for (request, seconds) in [
        (call("quick"), 1),
        (call("other"), 30),
        (read, 5),
        (requests::list_tools(1), 30),
        (JsonRpcRequest::new(1, "vendor/thing"), 2),
        (JsonRpcRequest::new(1, "initialize"), 3),
    ] {
        let (took, response) = never(&layer, request.clone()).await;
        let limit = seconds * SECOND;
        assert!(
            took >= limit && took < limit + SECOND / 10,
            "{took:?} of {request:?}"
        );
        let events: Vec<_> = response.trail().events().collect();
        assert_eq!(events, [&Event::TimedOut { after: limit }]);
        let error = response.into_error().unwrap();
        let message = format!("Request timed out after {seconds} s");
        assert_eq!((error.code, &*error.message), (504, &*message));
    }
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_limit_run_on() {
    let layer = TimeoutLayer::new(SECOND).idle(SECOND);
    for method in [
        "subscriptions/listen",
        "tasks/result",
        "initialize",
        "server/discover",
        "ping",
        "vendor/thing",
        "notifications/progress",
    ] {
        let gate = Gate::closed();
        let mock = MockService::new();
        mock.push(Answer::plausible().behind(&gate));
        let request = JsonRpcRequest::new(1, method);
        let running = tokio::spawn(layer.layer(mock.clone()).oneshot(request));
        sleep(100 * SECOND).await;
        assert!(!running.is_finished(), "{method}");
        assert_eq!(mock.last_request().unwrap().context().deadline(), None);
        gate.open();
        assert_eq!(running.await.unwrap().unwrap().outcome().code(), None);
    }
}

#[test]
fn a_limit_that_can_never_hold_is_a_config_error() {
    for method in [
        "subscriptions/listen",
        "tasks/result",
        "notifications/progress",
    ] {
        let layer = TimeoutLayer::new(SECOND).method(method, Limits::maximum(SECOND));
        assert!(layer.unwrap_err().to_string().contains(method));
    }
}

/// Answers never, and reports progress every second for as long as it is not dropped.
async fn reporting(layer: TimeoutLayer, request: JsonRpcRequest, times: u32) -> Duration {
    let mock = MockService::answering(|_| Answer::never());
    let started = now();
    let running = tokio::spawn(layer.layer(mock.clone()).oneshot(request));
    tokio::spawn(async move {
        for _ in 0..times {
            sleep(SECOND).await;
            let request = mock.last_request().unwrap();
            let progress = request.context().progress();
            progress.unwrap().report_at(now());
        }
    });
    let response = running.await.unwrap().unwrap();
    assert_eq!(response.outcome().code(), Some(504));
    now() - started
}

#[tokio::test(start_paused = true)]
async fn the_maximum_holds_while_progress_flows_and_the_inner_future_is_dropped() {
    let layer = TimeoutLayer::new(10 * SECOND).idle(2 * SECOND);
    let took = reporting(layer, with_token("dig"), 100).await;
    assert!(took >= 10 * SECOND && took < 11 * SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn progress_restarts_the_idle_time() {
    let layer = TimeoutLayer::new(100 * SECOND).idle(2 * SECOND);
    let took = reporting(layer.clone(), with_token("dig"), 5).await;
    assert!(took >= 7 * SECOND && took < 8 * SECOND, "{took:?}");
    // Nobody asked for progress: nobody watches.
    let (took, _) = never(&layer, call("dig")).await;
    assert!(took >= 2 * SECOND && took < 3 * SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_callers_own_deadline_holds_and_differs_from_a_timeout() {
    let layer = TimeoutLayer::new(10 * SECOND);
    let mut request = call("dig");
    request.context_mut().limit_deadline(now() + 3 * SECOND);
    let (took, response) = never(&layer, request).await;
    assert!(took >= 3 * SECOND && took < 4 * SECOND, "{took:?}");
    assert_eq!(response.outcome().code(), Some(408));
}

#[tokio::test(start_paused = true)]
async fn inner_layers_get_the_deadline() {
    let mock = MockService::new();
    let layer = TimeoutLayer::new(10 * SECOND);
    let started = now();
    layer
        .layer(mock.clone())
        .oneshot(call("dig"))
        .await
        .unwrap();
    let deadline = mock.last_request().unwrap().context().deadline();
    assert_eq!(deadline, Some(started + 10 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn limits_beyond_the_end_of_the_clock_never_come() {
    let gate = Gate::closed();
    let mock = MockService::new();
    mock.push(Answer::plausible().behind(&gate));
    let layer = TimeoutLayer::new(Duration::MAX).idle(Duration::MAX);
    let running = tokio::spawn(layer.layer(mock).oneshot(call("dig")));
    advance(1_000_000 * SECOND).await;
    gate.open();
    assert_eq!(running.await.unwrap().unwrap().outcome().code(), None);
}

#[tokio::test(start_paused = true)]
async fn the_most_specific_pattern_holds() {
    let layer = TimeoutLayer::new(30 * SECOND)
        .tool("*", Limits::maximum(20 * SECOND))
        .and_then(|layer| layer.tool("db_*", Limits::maximum(5 * SECOND)))
        .and_then(|layer| layer.tool("db_dump", Limits::maximum(10 * SECOND)))
        .unwrap();
    for (tool, seconds) in [("db_query", 5), ("db_dump", 10), ("other", 20)] {
        let (took, _) = never(&layer, call(tool)).await;
        assert_eq!(took.as_secs(), seconds, "{tool}");
    }
    assert!(layer.tool("*_dump", Limits::maximum(SECOND)).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_timeout_can_be_a_tool_error_and_is_counted() {
    let layer = TimeoutLayer::new(SECOND).as_tool_error();
    let (_, response) = never(&layer, call("dig")).await;
    assert_eq!(response.outcome(), Outcome::ToolError);
    let (_, response) = never(&layer, requests::list_tools(1)).await;
    assert_eq!(response.outcome().code(), Some(504));
    let mut request = call("dig");
    request.context_mut().limit_deadline(now());
    never(&layer, request).await;
    let stats = layer.handle().stats();
    assert_eq!((stats.maximum, stats.deadline, stats.idle), (2, 1, 0));
}

/// Answers never, and waits for the client from the first to the last of these seconds.
async fn asking(layer: &TimeoutLayer, from: u64, to: u64) -> (Duration, JsonRpcResponse) {
    let mock = MockService::answering(|_| Answer::never());
    let started = now();
    let running = tokio::spawn(layer.layer(mock.clone()).oneshot(call("dig")));
    tokio::spawn(async move {
        sleep(Duration::from_secs(from)).await;
        let request = mock.last_request().unwrap();
        let waiting = request.context().input_wait().unwrap().begin();
        sleep(Duration::from_secs(to - from)).await;
        drop(waiting);
    });
    let response = running.await.unwrap().unwrap();
    (now() - started, response)
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_client_does_not_count() {
    for layer in [
        TimeoutLayer::new(10 * SECOND),
        TimeoutLayer::new(100 * SECOND).idle(6 * SECOND),
    ] {
        let (took, response) = asking(&layer, 4, 64).await;
        assert_eq!((took.as_secs(), response.outcome().code()), (70, Some(504)));
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_client_has_a_maximum_of_its_own() {
    let layer = TimeoutLayer::new(10 * SECOND).input_wait(20 * SECOND);
    let (took, response) = asking(&layer, 4, 1_000).await;
    assert_eq!(took.as_secs(), 24);
    assert_eq!(layer.handle().stats().input_wait, 1);
    let error = response.into_error().unwrap();
    let message = "Request timed out after 20 s of waiting for the client";
    assert_eq!((error.code, &*error.message), (504, message));
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "polled after completion")]
async fn a_finished_future_panics_when_it_is_polled_again() {
    let layer = TimeoutLayer::new(SECOND);
    let mut future = std::pin::pin!(layer.layer(MockService::new()).call(call("dig")));
    let _ = future.as_mut().await;
    let _ = future.await;
}

#[tokio::test]
async fn a_handler_that_blocks_is_timed_out_where_it_runs_as_the_readme_says() {
    assert!(include_str!("../README.md").contains("tokio::task::spawn_blocking(command).await"));
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Arc::new(std::sync::Mutex::new(released));
    let handler = tower::service_fn(move |request: JsonRpcRequest| {
        let released = released.clone();
        let block = move || released.lock().unwrap().recv();
        async move {
            let _ = tokio::task::spawn_blocking(block).await.unwrap();
            Ok::<_, std::convert::Infallible>(JsonRpcResponse::success(&request, json!({})))
        }
    });
    let layer = TimeoutLayer::new(Duration::from_millis(10));
    let response = layer.layer(handler).oneshot(call("blocks")).await.unwrap();
    assert_eq!(response.outcome().code(), Some(504));
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn limits_that_are_set_hold_for_later_requests_alone() {
    let layer = TimeoutLayer::new(30 * SECOND)
        .tool("quick", Limits::maximum(SECOND))
        .unwrap();
    let clone = layer.clone();
    let mut service = layer.layer(MockService::answering(|_| Answer::never()));
    let (started, in_flight) = (now(), service.call(call("other")));

    let limits = TimeoutLayer::new(10 * SECOND).as_tool_error();
    let limits = limits.tool("slow", Limits::maximum(60 * SECOND)).unwrap();
    layer.handle().set_limits(&limits);
    assert_eq!(in_flight.await.unwrap().outcome().code(), Some(504));
    assert_eq!(now() - started, 30 * SECOND);

    for (tool, seconds) in [("other", 10), ("quick", 10), ("slow", 60)] {
        let (took, response) = never(&clone, call(tool)).await;
        assert_eq!(took, seconds * SECOND, "{tool}");
        // The form of the answer stays.
        assert_eq!(response.outcome().code(), Some(504));
    }
    assert_eq!(layer.handle().stats().maximum, 4);
}
