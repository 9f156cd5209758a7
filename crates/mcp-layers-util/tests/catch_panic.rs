//! A panic in an inner service answers one request without its message, and ends no other request.
#![allow(clippy::unwrap_used)]

use std::{
    convert::Infallible,
    panic::panic_any,
    pin::Pin,
    task::{Context, Poll},
};

use futures::FutureExt;
use mcp_layers_core::{Event, JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse};
use mcp_layers_util::{CancelLayer, CatchPanicLayer};
use serde_json::json;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

const SECRET: &str = "password=hunter2";

/// Panics where the name of the tool says.
#[derive(Clone)]
struct Fragile;

struct FragileFuture {
    request: JsonRpcRequest,
}

fn is(request: &JsonRpcRequest, tool: &str) -> bool {
    request.target() == Some(tool)
}

impl Service<JsonRpcRequest> for Fragile {
    type Response = JsonRpcResponse;
    type Error = Infallible;
    type Future = FragileFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: JsonRpcRequest) -> FragileFuture {
        assert!(!is(&request, "in_call"), "{SECRET}");
        FragileFuture { request }
    }
}

impl Future for FragileFuture {
    type Output = Result<JsonRpcResponse, Infallible>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match self.request.target().unwrap() {
            "in_poll" | "in_poll_and_drop" => panic!("{SECRET}"),
            "with_a_literal" => panic!("password=hunter2"),
            "with_a_number" => panic_any(42_u8),
            "with_a_bomb" => panic_any(Bomb(3)),
            "never_done" => Poll::Pending,
            _ => Poll::Ready(Ok(JsonRpcResponse::success(&self.request, json!({})))),
        }
    }
}

impl Drop for FragileFuture {
    fn drop(&mut self) {
        let bad = ["in_poll_and_drop", "in_drop", "never_done"];
        assert!(!bad.iter().any(|tool| is(&self.request, tool)), "{SECRET}");
    }
}

/// A payload that panics as it is dropped, with such a payload.
struct Bomb(u8);

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0 > 0 {
            panic_any(Bomb(self.0 - 1));
        }
    }
}

fn request(tool: &str) -> JsonRpcRequest {
    JsonRpcRequest::call_tool(7, tool, json!({}))
}

async fn answer(tool: &str) -> JsonRpcResponse {
    let service = CatchPanicLayer::new().layer(Fragile);
    service.oneshot(request(tool)).await.unwrap()
}

fn said(response: &JsonRpcResponse) -> Vec<&str> {
    let events = response.trail().events();
    events
        .filter_map(|event| match event {
            Event::Panicked { message } => Some(&**message),
            _ => None,
        })
        .collect()
}

fn assert_answered_in_silence(response: &JsonRpcResponse) {
    let sent = serde_json::to_value(response).unwrap();
    let error = json!({"code": -32603, "message": "Internal error"});
    assert_eq!(sent, json!({"jsonrpc": "2.0", "id": 7, "error": error}));
}

#[tokio::test]
async fn answers_a_panic_in_call() {
    let response = answer("in_call").await;
    assert_answered_in_silence(&response);
    assert_eq!(said(&response), [SECRET]);
}

#[tokio::test]
async fn answers_a_panic_in_poll() {
    for tool in ["in_poll", "with_a_literal"] {
        let response = answer(tool).await;
        assert_answered_in_silence(&response);
        assert_eq!(said(&response), [SECRET]);
    }
}

#[tokio::test]
async fn answers_a_panic_that_panics_again_as_its_future_is_dropped() {
    let response = answer("in_poll_and_drop").await;
    assert_answered_in_silence(&response);
    assert_eq!(said(&response), [SECRET]);
}

#[tokio::test]
async fn answers_a_panic_whose_payload_is_no_text() {
    for tool in ["with_a_number", "with_a_bomb"] {
        let response = answer(tool).await;
        assert_answered_in_silence(&response);
        assert_eq!(said(&response), ["no message"]);
    }
}

#[tokio::test]
async fn keeps_an_answer_that_was_there_before_the_drop_panicked() {
    let response = answer("in_drop").await;
    assert_eq!(response.result(), Ok(&json!({})));
    assert_eq!(said(&response), [SECRET]);
}

#[tokio::test]
async fn contains_a_panic_in_the_drop_of_a_cancelled_future() {
    let mut service = CatchPanicLayer::new().layer(Fragile);
    let mut dropped = service.ready().await.unwrap().call(request("never_done"));
    assert!((&mut dropped).now_or_never().is_none());
    drop(dropped);

    let service = ServiceBuilder::new()
        .layer(CancelLayer::new())
        .layer(CatchPanicLayer::new())
        .service(Fragile);
    let request = request("never_done");
    request.cancellation().cancel();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.outcome().code(), Some(499));
}

#[tokio::test]
async fn serves_on_after_a_panic_and_beside_it() {
    let mut service = CatchPanicLayer::new().layer(Fragile);
    let beside = service.clone().oneshot(request("fine"));
    for tool in ["in_call", "in_poll", "in_poll_and_drop", "in_drop"] {
        let _ = service.ready().await.unwrap().call(request(tool)).await;
    }
    let after = service.ready().await.unwrap().call(request("fine")).await;
    assert_eq!(after.unwrap().result(), Ok(&json!({})));
    assert_eq!(beside.await.unwrap().result(), Ok(&json!({})));
}
