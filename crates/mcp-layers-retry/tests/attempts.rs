//! Number of attempts, repeatable requests, and events in the trail.
#![allow(clippy::unwrap_used)]

mod common;

use common::{call, code, failure, gave_up, retry, send};
use mcp_layers_core::{
    Authentication, ByCode, Catalog, CatalogLayer, Class, Classify, ClassifyToolErrors, Event,
    JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpResponse, Method, Outcome, Principal,
};
use mcp_layers_retry::Budget;
use mcp_layers_test::{Answer, MockError, MockService, ReadinessProbe, requests, results};
use mcp_layers_util::CatchErrorLayer;
use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex},
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

#[tokio::test(start_paused = true)]
async fn attempts_count_the_first() {
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
async fn the_trail_has_every_attempt_in_order() {
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
    let reason = mcp_layers_core::trail::GiveUpReason::Attempts;
    let expected = [1, 2, 3].map(|number| attempt(number, Some(503)));
    assert_eq!(events[..3], expected);
    assert_eq!(events[3..], [Event::GaveUp { reason }]);

    let response = send(&retry(3), &MockService::new(), call("safe"))
        .await
        .unwrap();
    assert!(response.trail().is_empty());
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "polled after completion")]
async fn a_finished_future_panics_when_it_is_polled_again() {
    let mock = MockService::answering(|_| failure());
    let mut future = std::pin::pin!(retry(2).layer(mock).call(call("safe")));
    let _ = future.as_mut().await;
    let _ = future.await;
}

#[tokio::test(start_paused = true)]
async fn attempts_are_numbered_for_inner_layers() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let numbers = Arc::clone(&seen);
    let mock = MockService::answering(move |request| {
        numbers.lock().unwrap().push(request.context().attempt());
        failure()
    });
    send(&retry(3), &mock, call("safe")).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_transport_are_classified_too() {
    #[derive(Clone)]
    struct Never;
    impl Classify for Never {
        fn classify(&self, method: Method<'_>, outcome: &Outcome<'_>) -> Class {
            ByCode::default().classify(method, outcome)
        }

        fn classify_failure(&self, _: Method<'_>) -> Class {
            Class::CallerError
        }
    }
    let mock = MockService::answering(|_| Answer::fail("401 Unauthorized"));
    let layer = retry(3).classify(Never);
    let error = send(&layer, &mock, requests::list_tools(1)).await;
    assert_eq!(error.unwrap_err(), MockError::new("401 Unauthorized"));
    assert_eq!(mock.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn tool_errors_are_repeated_only_where_the_operator_asks_for_it() {
    let plain = retry(3).classify(ClassifyToolErrors::new());
    let asked = plain.clone().repeat_tool_errors();
    let unclassified = retry(3).repeat_tool_errors();
    for (layer, tool, calls) in [
        (&plain, "safe", 1),
        (&asked, "safe", 3),
        (&asked, "unsafe", 1),
    ] {
        let mock = MockService::answering(|_| Answer::tool_error("upstream is down"));
        let response = send(layer, &mock, call(tool)).await.unwrap();
        assert_eq!(
            (response.outcome(), mock.calls()),
            (Outcome::ToolError, calls)
        );
    }
    let mock = MockService::answering(|_| Answer::tool_error("no such file"));
    send(&unclassified, &mock, call("safe")).await.unwrap();
    assert_eq!(mock.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_service_are_retried_and_passed_on_unchanged() {
    let mock = MockService::answering(|_| Answer::fail("connection reset"));
    let error = send(&retry(3), &mock, requests::list_tools(1)).await;
    assert_eq!(error.unwrap_err(), MockError::new("connection reset"));
    assert_eq!(mock.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn attempts_that_end_with_an_error_are_recorded_if_errors_are_caught_inside() {
    let mock = MockService::answering(|_| Answer::fail("connection reset"));
    let inside = ServiceBuilder::new()
        .layer(retry(3))
        .layer(CatchErrorLayer::new())
        .service(mock.clone());
    let response = inside.oneshot(requests::list_tools(1)).await.unwrap();
    let numbers = response.trail().events().filter_map(|event| match event {
        Event::Attempt { number, .. } => Some(*number),
        _ => None,
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3]);
    let has = |wanted: fn(&Event) -> bool| response.trail().events().filter(|e| wanted(e)).count();
    assert_eq!(has(|event| matches!(event, Event::Failed { .. })), 3);
    assert_eq!(has(|event| matches!(event, Event::GaveUp { .. })), 1);

    let outside = ServiceBuilder::new()
        .layer(CatchErrorLayer::new())
        .layer(retry(3))
        .service(mock);
    let response = outside.oneshot(requests::list_tools(1)).await.unwrap();
    let mut events = response.trail().events();
    assert!(matches!(events.next(), Some(Event::Failed { .. })));
    assert_eq!(events.next(), None, "an error has no trail");
}

#[tokio::test(start_paused = true)]
async fn final_outcomes_are_never_repeated_even_if_the_classifier_calls_them_failures() {
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
async fn the_classifier_decides_about_other_outcomes() {
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
async fn annotations_count_only_where_the_operator_trusts_them() {
    for (layer, calls) in [(retry(3), 1), (retry(3).trust_hints(), 3)] {
        // The server says so in its list too; nobody has to listen.
        let listed = results::tool("read", &serde_json::json!({ "readOnlyHint": true }));
        let page = serde_json::json!({ "tools": [listed] });
        let mock = MockService::answering(move |request| match McpRequest::method(request) {
            Method::ListTools => Answer::result(page.clone()),
            _ => failure(),
        });
        let service = ServiceBuilder::new()
            .layer(CatalogLayer::new(Catalog::new()))
            .layer(layer)
            .service(mock.clone());
        let list = requests::list_tools(1);
        service.clone().oneshot(list).await.unwrap();
        service.oneshot(call("read")).await.unwrap();
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
async fn nested_layers_do_not_multiply() {
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
    let counts = handle.stats();
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
async fn an_open_inner_circuit_ends_it() {
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

#[tokio::test(start_paused = true)]
async fn one_principal_does_not_spend_the_retries_of_another() {
    // One retry for each principal, and no wait in which another one is deposited.
    let layer = retry(2).budget(Budget::new(0, 1).unwrap()).rng(|| 0);
    let attempts = async |who: &'static str| {
        let mock = MockService::answering(|_| failure());
        let mut request = call("safe");
        let principal = Principal::new(who, Authentication::Bearer);
        request.context_mut().set_principal(Arc::new(principal));
        let response = send(&layer, &mock, request).await.unwrap();
        (mock.calls(), gave_up(&response))
    };
    assert_eq!(attempts("mallory").await, (2, Some("attempts")));
    assert_eq!(attempts("mallory").await, (1, Some("budget")));
    assert_eq!(attempts("ada").await, (2, Some("attempts")));
}
