//! A cancelled request stops running, and any other is as it was.
#![allow(clippy::unwrap_used)]

use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::Arc,
};

use futures::FutureExt;
use mcp_layers_core::{Event, JsonRpcRequest, JsonRpcResponse, McpResponse, Outcome};
use mcp_layers_util::CancelLayer;
use serde_json::json;
use tokio::sync::Notify;
use tower::{Layer, Service, ServiceExt, service_fn};

fn request() -> JsonRpcRequest {
    JsonRpcRequest::call_tool(7, "slow", json!({}))
}

fn code(response: &JsonRpcResponse) -> Option<i32> {
    response.outcome().code()
}

/// A service that never answers, and what all its futures hold.
fn never() -> (
    impl Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible> + Clone,
    Arc<()>,
) {
    let held = Arc::new(());
    let inside = held.clone();
    let service = service_fn(move |_| {
        let held = inside.clone();
        async move {
            let _held = held;
            pending().await
        }
    });
    (service, held)
}

#[tokio::test]
async fn drops_the_inner_future_when_the_request_is_cancelled() {
    let (inner, held) = never();
    let before = Arc::strong_count(&held);
    let mut service = CancelLayer::new().layer(inner);
    let request = request();
    let token = request.cancellation().clone();
    let mut answer = Box::pin(service.ready().await.unwrap().call(request));
    assert!((&mut answer).now_or_never().is_none());
    assert_eq!(Arc::strong_count(&held), before + 1);

    token.cancel();
    let response = answer.as_mut().now_or_never().unwrap().unwrap();
    assert_eq!(Arc::strong_count(&held), before);
    assert_eq!(code(&response), Some(499));
    assert!(response.trail().events().eq([&Event::Cancelled]));
}

#[tokio::test]
async fn wakes_the_task_that_waits() {
    let (inner, _held) = never();
    let service = CancelLayer::new().layer(inner);
    let request = request();
    let token = request.cancellation().clone();
    let (response, ()) = tokio::join!(service.oneshot(request), async {
        tokio::task::yield_now().await;
        token.cancel();
    });
    assert_eq!(code(&response.unwrap()), Some(499));
}

#[tokio::test]
async fn lets_an_answer_win_that_is_there_with_the_cancellation() {
    let done = Arc::new(Notify::new());
    let inside = done.clone();
    let mut service = CancelLayer::new().layer(service_fn(move |request: JsonRpcRequest| {
        let done = inside.clone();
        async move {
            done.notified().await;
            Ok::<_, Infallible>(JsonRpcResponse::success(&request, json!({})))
        }
    }));
    let request = request();
    let token = request.cancellation().clone();
    let mut answer = Box::pin(service.ready().await.unwrap().call(request));
    assert!((&mut answer).now_or_never().is_none());

    token.cancel();
    done.notify_waiters();
    assert_eq!(answer.await.unwrap().outcome(), Outcome::Success);
}

#[tokio::test]
async fn answers_a_request_that_was_cancelled_before_it_ran() {
    let (inner, held) = never();
    let before = Arc::strong_count(&held);
    let request = request();
    request.cancellation().cancel();
    let service = CancelLayer::new().layer(inner.clone());
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(code(&response), Some(499));
    assert_eq!(Arc::strong_count(&held), before);
}

#[tokio::test]
async fn heeds_the_cancellation_of_a_clone() {
    let (inner, _held) = never();
    let request = request();
    let changed = request.clone().with_protocol_version("2025-11-25");
    request.cancellation().cancel();
    let response = CancelLayer::new().layer(inner).oneshot(changed).await;
    assert_eq!(code(&response.unwrap()), Some(499));
}

#[test]
fn costs_a_request_that_is_not_cancelled_no_allocation() {
    let response = JsonRpcResponse::success(&request(), json!({}));
    let mut service = CancelLayer::new().layer(service_fn(move |_: JsonRpcRequest| {
        ready(Ok::<_, Infallible>(response.clone()))
    }));
    // The token of a request is made when it is first asked for.
    let request = request();
    let _ = request.cancellation();
    let mut answer = None;
    let cost = allocation_counter::measure(|| {
        answer = service.call(request).now_or_never();
    });
    assert_eq!(code(&answer.unwrap().unwrap()), None);
    assert_eq!(cost.count_total, 0);
}
