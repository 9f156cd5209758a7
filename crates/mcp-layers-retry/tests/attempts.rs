//! How many attempts, of what, and what the trail says.
#![allow(clippy::unwrap_used)]

mod common;

use common::{call, code, failure, gave_up, retry, send};
use mcp_layers_core::{
    ByCode, Class, Classify, Event, Hints, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest,
    McpResponse, Method, Outcome, ToolHints,
};
use mcp_layers_test::{Answer, MockError, MockService, ReadinessProbe, requests, results};
use std::{
    cell::Cell,
    marker::PhantomData,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};
use tower::{Layer, Service, ServiceExt};

#[tokio::test(start_paused = true)]
async fn b19_attempts_count_the_first() {
    for attempts in 1..=5 {
        let mock = MockService::answering(|_| failure());
        let response = send(&retry(attempts), &mock, call("safe")).await.unwrap();
        assert_eq!(response.outcome().code(), Some(-32603));
        assert_eq!(mock.calls(), attempts as usize);
        // None is lost on the way to a success.
        let mock = MockService::new();
        (1..attempts).for_each(|_| mock.push(failure()));
        let response = send(&retry(attempts), &mock, call("safe")).await.unwrap();
        assert_eq!(
            (response.outcome(), mock.calls()),
            (Outcome::Success, attempts as usize)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_trail_tells_every_attempt_in_order() {
    let attempt = |number, code| Event::Attempt {
        number,
        of: 3,
        code,
    };
    let mock = MockService::new();
    mock.push(failure());
    mock.push(Answer::fail("connection reset"));
    let response = send(&retry(3), &mock, call("safe")).await.unwrap();
    let events: Vec<_> = response.trail().events().cloned().collect();
    assert_eq!(
        events,
        [attempt(1, Some(-32603)), attempt(2, None), attempt(3, None)]
    );

    let mock = MockService::answering(|_| code(503));
    let response = send(&retry(3), &mock, call("safe")).await.unwrap();
    let events: Vec<_> = response.trail().events().cloned().collect();
    let reason = mcp_layers_core::GiveUpReason::Attempts;
    let expected = [1, 2, 3].map(|number| attempt(number, Some(503)));
    assert_eq!(events[..3], expected);
    assert_eq!(events[3..], [Event::GaveUp { reason }]);

    let response = send(&retry(3), &MockService::new(), call("safe"))
        .await
        .unwrap();
    assert!(response.trail().is_empty());
}

/// A service that counts its clones, and that only one thread may hold at a time.
struct Counted {
    inner: MockService,
    clones: Arc<AtomicUsize>,
    _not_sync: PhantomData<Cell<()>>,
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.clones.fetch_add(1, Relaxed);
        Self {
            inner: self.inner.clone(),
            clones: Arc::clone(&self.clones),
            _not_sync: PhantomData,
        }
    }
}

impl Service<JsonRpcRequest> for Counted {
    type Response = JsonRpcResponse;
    type Error = MockError;
    type Future = <MockService as Service<JsonRpcRequest>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), MockError>> {
        Service::<JsonRpcRequest>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, request: JsonRpcRequest) -> Self::Future {
        self.inner.call(request)
    }
}

fn can_be_spawned<F: Future + Send + 'static>(future: F) -> F {
    future
}

#[tokio::test(start_paused = true)]
async fn the_inner_service_is_cloned_when_something_fails_and_not_before() {
    let mock = MockService::new();
    let clones = Arc::new(AtomicUsize::new(0));
    let mut service = retry(3).layer(Counted {
        inner: mock.clone(),
        clones: Arc::clone(&clones),
        _not_sync: PhantomData,
    });
    let before = clones.load(Relaxed);
    for _ in 0..100 {
        let service = service.ready().await.unwrap();
        let answer = can_be_spawned(service.call(call("safe"))).await;
        assert_eq!(answer.unwrap().outcome(), Outcome::Success);
    }
    assert_eq!(clones.load(Relaxed), before);
    // One serves every further attempt.
    mock.push(failure());
    mock.push(failure());
    let answer = service.ready().await.unwrap().call(call("safe")).await;
    assert_eq!(answer.unwrap().outcome(), Outcome::Success);
    assert_eq!((clones.load(Relaxed), mock.calls()), (before + 1, 103));
}

#[tokio::test(start_paused = true)]
async fn polled_after_it_was_done_it_asks_nobody() {
    for answer in [
        || failure(),
        || Answer::fail("connection reset"),
        Answer::plausible,
    ] {
        let mock = MockService::answering(move |_| answer());
        let mut future = std::pin::pin!(retry(2).layer(mock.clone()).call(call("safe")));
        let _ = future.as_mut().await;
        let calls = mock.calls();
        assert!(futures::poll!(future).is_pending());
        assert_eq!(mock.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_service_are_retried_and_passed_on_unchanged() {
    let mock = MockService::answering(|_| Answer::fail("connection reset"));
    let error = send(&retry(3), &mock, requests::list_tools(1)).await;
    assert_eq!(error.unwrap_err(), MockError::new("connection reset"));
    assert_eq!(mock.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_final_is_never_repeated_whatever_the_classifier_says() {
    let all_fail = |_: Method<'_>, _: &Outcome<'_>| Class::Failure;
    let layer = retry(3).classify(all_fail);
    let mut answers: Vec<_> = [
        -32700, -32600, -32601, -32602, -32002, -32020, -32021, -32022, -32042, 401, 403, 408, 413,
        499,
    ]
    .map(code)
    .into();
    answers.push(Answer::tool_error("no such file"));
    answers.push(Answer::result(results::input_required()));
    answers.push(Answer::result(results::task_created()));
    answers.push(Answer::plausible());
    for answer in answers {
        let mock = MockService::answering(move |_| answer.clone());
        send(&layer, &mock, requests::modern(call("safe")))
            .await
            .unwrap();
        assert_eq!(mock.calls(), 1, "{:?}", mock);
    }
}

#[tokio::test(start_paused = true)]
async fn the_classifier_says_what_else_is_a_failure() {
    let lenient = |method: Method<'_>, outcome: &Outcome<'_>| match outcome.code() {
        Some(1234) => Class::CallerError,
        _ => ByCode::default().classify(method, outcome),
    };
    for (layer_code, calls) in [
        (1234, 1),
        (1235, 3),
        (429, 3),
        (503, 3),
        (504, 3),
        (-32603, 3),
    ] {
        let mock = MockService::answering(move |_| code(layer_code));
        send(&retry(3).classify(lenient), &mock, call("safe"))
            .await
            .unwrap();
        assert_eq!(mock.calls(), calls, "{layer_code}");
    }
}

#[tokio::test(start_paused = true)]
async fn b6_hints_are_believed_only_where_the_operator_trusts_them() {
    let hints = ToolHints::new();
    hints.learn("read", Hints::new(Some(true), None, None, None));
    for (layer, calls) in [(retry(3), 1), (retry(3).trust_hints(hints), 3)] {
        // The server says so in its list too; nobody has to listen.
        let listed = results::tool("read", &serde_json::json!({ "readOnlyHint": true }));
        let page = serde_json::json!({ "tools": [listed] });
        let mock = MockService::answering(move |request| match McpRequest::method(request) {
            Method::ListTools => Answer::result(page.clone()),
            _ => failure(),
        });
        send(&layer, &mock, requests::list_tools(1)).await.unwrap();
        send(&layer, &mock, call("read")).await.unwrap();
        assert_eq!(mock.calls() - 1, calls);
    }
}

#[tokio::test(start_paused = true)]
async fn continuations_and_requests_that_change_things_are_sent_once() {
    for request in [
        requests::continuation(requests::modern(call("safe"))),
        JsonRpcRequest::new(1, "subscriptions/listen"),
        JsonRpcRequest::new(1, "tasks/result"),
        JsonRpcRequest::new(1, "tasks/cancel"),
        JsonRpcRequest::new(1, "initialize"),
        JsonRpcRequest::new(1, "logging/setLevel"),
        JsonRpcRequest::new(1, "vendor/thing"),
    ] {
        let mock = MockService::answering(|_| code(504));
        send(&retry(3), &mock, request.clone()).await.unwrap();
        assert_eq!(mock.calls(), 1, "{request:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn b3_nested_layers_do_not_multiply() {
    let mock = MockService::answering(|_| failure());
    let service = retry(3).layer(retry(4).layer(retry(5).layer(mock.clone())));
    service.oneshot(call("safe")).await.unwrap();
    assert_eq!(mock.calls(), 3);
    // Where the outer one does not repeat, the inner one may.
    let mock = MockService::answering(|_| failure());
    let outer = mcp_layers_retry::RetryLayer::new(NonZeroU32::new(3).unwrap());
    let service = outer.layer(retry(4).layer(mock.clone()));
    service.oneshot(call("safe")).await.unwrap();
    assert_eq!(mock.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_made_on_an_instance_that_was_made_ready() {
    let mock = MockService::new();
    (0..2).for_each(|_| mock.push(failure()));
    // The probe panics, or fails, where an instance is called that was not made ready.
    let (probe, _readiness) = ReadinessProbe::new(mock.clone());
    let response = retry(3).layer(probe).oneshot(call("safe")).await.unwrap();
    assert_eq!((response.outcome(), mock.calls()), (Outcome::Success, 3));
}

#[tokio::test(start_paused = true)]
async fn the_handle_counts_and_sets_the_attempts() {
    let layer = retry(3);
    let handle = layer.handle();
    let mock = MockService::answering(|_| failure());
    send(&layer, &mock, call("safe")).await.unwrap();
    send(&layer, &mock, call("unsafe")).await.unwrap();
    let counts = handle.counts();
    assert_eq!(
        (
            counts.retries,
            counts.out_of_attempts,
            counts.unknown_outcomes
        ),
        (2, 1, 1)
    );
    handle.set_attempts(NonZeroU32::MIN);
    let response = send(&layer, &mock, call("safe")).await.unwrap();
    assert_eq!((mock.calls(), gave_up(&response)), (5, None));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_reported_progress_is_not_repeated() {
    let mut request = call("safe");
    let meta = request.meta_mut().unwrap();
    meta.insert("progressToken".to_owned(), "p".into());
    for (reports, calls, reason) in [(false, 3, "attempts"), (true, 1, "progress")] {
        let mock = MockService::answering(move |request| {
            if reports {
                request.context().progress().unwrap().report();
            }
            failure()
        });
        let response = send(&retry(3), &mock, request.clone()).await.unwrap();
        assert_eq!((mock.calls(), gave_up(&response)), (calls, Some(reason)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_further_in_ends_it() {
    let open = Event::CircuitOpen {
        circuit: "x".into(),
        retry_after: std::time::Duration::ZERO,
    };
    let mock = MockService::answering(move |request| {
        let mut refused = JsonRpcResponse::error(request, McpError::unavailable());
        refused.trail_mut().push(open.clone());
        refused
    });
    let response = send(&retry(3), &mock, call("safe")).await.unwrap();
    assert_eq!(
        (mock.calls(), gave_up(&response)),
        (1, Some("circuit_open"))
    );
}
