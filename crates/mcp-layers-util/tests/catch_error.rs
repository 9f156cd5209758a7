//! An error of an inner service becomes an error response with a code and without its text.
#![allow(clippy::unwrap_used)]

use std::{
    error::Error,
    fmt,
    future::pending,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::{Ready, ready};
use mcp_layers_core::{BoxError, Event, JsonRpcRequest, JsonRpcResponse, McpError, McpResponse};
use mcp_layers_util::CatchErrorLayer;
use serde_json::json;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, buffer::Buffer};

const CANARY: &str = "postgres://root:hunter2@db";

fn request() -> JsonRpcRequest {
    JsonRpcRequest::call_tool(7, "echo", json!({}))
}

/// A chain of two errors, each with the canary in its words.
#[derive(Debug)]
struct Outer<E>(E);

impl<E> fmt::Display for Outer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "outer {CANARY}")
    }
}

impl<E: Error + 'static> Error for Outer<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[derive(Debug)]
struct Inner;

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inner {CANARY}")
    }
}

impl Error for Inner {}

/// Fails in readiness as often as it is told to, then answers.
#[derive(Clone)]
struct NotReady {
    failures: usize,
}

impl Service<JsonRpcRequest> for NotReady {
    type Response = JsonRpcResponse;
    type Error = BoxError;
    type Future = Ready<Result<JsonRpcResponse, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.failures == 0 {
            return Poll::Ready(Ok(()));
        }
        self.failures -= 1;
        Poll::Ready(Err(Box::new(Outer(Inner))))
    }

    fn call(&mut self, request: JsonRpcRequest) -> Self::Future {
        assert_eq!(self.failures, 0, "called without being ready");
        ready(Ok(JsonRpcResponse::success(&request, json!({}))))
    }
}

fn code(response: &JsonRpcResponse) -> Option<i32> {
    response.outcome().code()
}

fn causes(response: &JsonRpcResponse) -> Vec<String> {
    let cause = |event: &Event| match event {
        Event::Failed { cause } => Some(cause.to_string()),
        _ => None,
    };
    response.trail().events().filter_map(cause).collect()
}

fn assert_silent(response: &JsonRpcResponse) {
    let sent = serde_json::to_string(response).unwrap();
    for word in ["hunter2", "outer", "inner", "buffer", "elapsed", "closed"] {
        assert!(!sent.contains(word), "{sent}");
    }
}

/// Fails once, with this error.
fn fails_with(
    error: BoxError,
) -> impl Service<JsonRpcRequest, Response = JsonRpcResponse, Error = BoxError> {
    let mut error = Some(error);
    tower::service_fn(move |_| ready(Err(error.take().unwrap())))
}

async fn answer_to(error: impl Into<BoxError>) -> JsonRpcResponse {
    let service = CatchErrorLayer::new().layer(fails_with(error.into()));
    service.oneshot(request()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn answers_an_elapsed_timeout_with_504() {
    let service = ServiceBuilder::new()
        .layer(CatchErrorLayer::new())
        .timeout(Duration::from_secs(1))
        .service_fn(|_: JsonRpcRequest| pending::<Result<JsonRpcResponse, BoxError>>());
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!(code(&response), Some(504));
    assert_silent(&response);
}

#[tokio::test]
async fn answers_shed_load_with_503() {
    let service = ServiceBuilder::new()
        .layer(CatchErrorLayer::new())
        .load_shed()
        .concurrency_limit(1)
        .service_fn(|_: JsonRpcRequest| pending::<Result<JsonRpcResponse, BoxError>>());
    let mut busy = service.clone();
    let running = busy.ready().await.unwrap().call(request());
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!(code(&response), Some(503));
    assert_silent(&response);
    drop(running);
}

#[tokio::test]
async fn answers_for_a_buffer_whose_worker_is_gone() {
    let (buffer, worker) = Buffer::pair(NotReady { failures: 0 }, 4);
    drop(worker);
    let service = CatchErrorLayer::new().layer(buffer);
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!(code(&response), Some(-32603));
    assert_silent(&response);
    assert_eq!(causes(&response).len(), 1);
}

#[tokio::test]
async fn answers_for_a_buffer_whose_service_failed() {
    let buffer = Buffer::new(NotReady { failures: 1 }, 4);
    let service = CatchErrorLayer::new().layer(buffer);
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!(code(&response), Some(-32603));
    assert_silent(&response);
    assert!(causes(&response)[0].contains(CANARY));
}

#[tokio::test]
async fn answers_an_error_of_readiness_at_the_call() {
    let mut service = CatchErrorLayer::new().layer(NotReady { failures: 1 });
    let response = service.ready().await.unwrap().call(request()).await;
    let response = response.unwrap();
    assert_eq!(code(&response), Some(-32603));
    assert_silent(&response);
    assert_eq!(
        causes(&response),
        [format!("outer {CANARY}: inner {CANARY}")]
    );

    let next = service.ready().await.unwrap().call(request()).await;
    assert_eq!(code(&next.unwrap()), None);
}

#[tokio::test]
async fn does_not_give_a_clone_the_error_of_the_original() {
    let mut service = CatchErrorLayer::new().layer(NotReady { failures: 1 });
    service.ready().await.unwrap();
    let clone = service.clone().oneshot(request()).await.unwrap();
    assert_eq!(code(&clone), None);
    let original = service.call(request()).await.unwrap();
    assert_eq!(code(&original), Some(-32603));
}

#[tokio::test]
async fn keeps_the_words_of_the_error_and_its_causes_in_the_trail() {
    let response = answer_to(Outer(Inner)).await;
    assert_silent(&response);
    assert_eq!(
        causes(&response),
        [format!("outer {CANARY}: inner {CANARY}")]
    );
}

#[tokio::test]
async fn gives_an_mcp_error_to_the_caller_as_it_is() {
    let error = McpError::new(1234, "out of stock").with("left", 0);
    let boxed = answer_to(error.clone()).await;
    assert_eq!(boxed.into_error().unwrap(), error);
    let cause = answer_to(Outer(McpError::rate_limited(Duration::from_secs(2)))).await;
    assert_eq!(code(&cause), Some(429));
    assert_silent(&cause);
}

#[tokio::test]
async fn asks_the_mapping_about_the_error_and_its_causes() {
    let layer = CatchErrorLayer::new().map(|error: &(dyn Error + 'static)| {
        error
            .is::<Inner>()
            .then(|| McpError::public(1000, "no database"))
    });
    let service = ServiceBuilder::new()
        .layer(layer)
        .service_fn(|_: JsonRpcRequest| ready(Err::<JsonRpcResponse, _>(Outer(Outer(Inner)))));
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!(code(&response), Some(1000));
    assert_silent(&response);
    assert_eq!(causes(&response).len(), 1);
}

#[tokio::test]
async fn decides_by_the_outermost_error_that_a_rule_fits() {
    let layer = CatchErrorLayer::new().map(|error: &(dyn Error + 'static)| {
        error
            .is::<Outer<McpError>>()
            .then(|| McpError::public(1000, "mapped"))
    });
    let answer = async |error| {
        let service = layer.layer(fails_with(error));
        code(&service.oneshot(request()).await.unwrap())
    };
    assert_eq!(
        answer(Outer(McpError::forbidden()).into()).await,
        Some(1000)
    );
    assert_eq!(answer(McpError::forbidden().into()).await, Some(403));
}

#[tokio::test]
async fn leaves_an_answer_as_it_is() {
    let service = CatchErrorLayer::new().layer(NotReady { failures: 0 });
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!(response.result(), Ok(&json!({})));
    assert!(response.trail().is_empty());
}
