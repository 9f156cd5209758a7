//! What opens a circuit, and what an open one answers.
#![allow(clippy::unwrap_used)]

mod common;

use common::{SECOND, call, count, failure, layer, open, send, state};
use mcp_layers_circuit_breaker::{
    CircuitBreakerLayer, CircuitKey, CircuitOpen, Percent, State, Window,
};
use mcp_layers_core::{
    ByCode, Class, Classify, Event, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest,
    McpResponse, Method, Outcome,
};
use mcp_layers_test::{Answer, MockService, requests, results};
use tower::{Layer, ServiceExt};

#[tokio::test]
async fn an_open_circuit_refuses_its_tool_and_no_other() {
    let (layer, clock) = layer();
    let mock = MockService::new();
    open(&layer, &mock, "fail").await;
    clock.advance(12 * SECOND);

    let service = layer.layer(mock.clone());
    let response = service.clone().oneshot(call("fail")).await.unwrap();
    let events: Vec<_> = response.trail().events().cloned().collect();
    let expected = Event::CircuitOpen {
        circuit: "tools/call fail".into(),
        retry_after: 18 * SECOND,
    };
    assert_eq!(events, [expected]);
    let error = response.into_error().unwrap();
    assert_eq!((error.code, error.is_public()), (503, true));
    assert_eq!(error.data.as_ref().unwrap()["reason"], "circuit_open");
    assert_eq!(error.retry_after(), Some(18 * SECOND));
    assert!(
        error.message.contains("do not call it again within 18 s"),
        "{error}"
    );
    assert_eq!(mock.calls(), 5);

    let echo = service.clone().oneshot(call("echo")).await.unwrap();
    assert_eq!(echo.outcome(), Outcome::Success);
    let list = service.oneshot(requests::list_tools(1)).await.unwrap();
    assert_eq!(list.outcome(), Outcome::Success);
}

#[tokio::test]
async fn the_answer_that_opened_it_says_so() {
    let (layer, _) = layer();
    let mock = MockService::answering(|_| failure());
    let service = layer.layer(mock);
    for number in 1..=5 {
        let response = service.clone().oneshot(call("fail")).await.unwrap();
        let events: Vec<_> = response.trail().events().cloned().collect();
        let opened = Event::CircuitChanged {
            circuit: "tools/call fail".into(),
            state: mcp_layers_core::CircuitState::Open,
        };
        let expected = if number == 5 { vec![opened] } else { vec![] };
        assert_eq!(events, expected, "{number}");
    }
}

#[tokio::test]
async fn b10_a_hundred_tool_errors_leave_it_closed_unless_they_are_classified() {
    let (layer, _) = layer();
    let mock = MockService::new();
    for _ in 0..100 {
        let invalid = Answer::tool_error("name must not be empty");
        assert_eq!(send(&layer, &mock, call("echo"), invalid).await, None);
    }
    assert_eq!(
        (mock.calls(), state(&layer.handle(), "echo")),
        (100, Some(State::Closed))
    );

    let strict = |method: Method<'_>, outcome: &Outcome<'_>| match outcome {
        Outcome::ToolError => Class::Failure,
        other => ByCode::default().classify(method, other),
    };
    let layer = layer.classify(strict);
    for _ in 0..5 {
        send(&layer, &mock, call("echo"), Answer::tool_error("no")).await;
    }
    assert_eq!(state(&layer.handle(), "echo"), Some(State::Open));
}

#[tokio::test]
async fn callers_errors_and_refusals_say_nothing() {
    let (layer, _) = layer();
    let layer = layer.known_tools(["echo"]);
    let mock = MockService::new();
    for code in [
        -32700, -32600, -32601, -32602, -32002, -32020, -32042, 401, 403, 408, 413, 429, 499,
    ] {
        for _ in 0..10 {
            let answer = Answer::error(McpError::new(code, "no"));
            assert_eq!(send(&layer, &mock, call("echo"), answer).await, Some(code));
        }
    }
    let status = layer.handle().circuit("tools/call echo").unwrap();
    assert_eq!((status.state, status.counts.calls), (State::Closed, 0));
    for success in [results::input_required(), results::task_created()] {
        send(
            &layer,
            &mock,
            requests::modern(call("echo")),
            Answer::result(success),
        )
        .await;
    }
    let counts = layer.handle().circuit("tools/call echo").unwrap().counts;
    assert_eq!((counts.calls, counts.failures), (2, 0));
}

#[tokio::test]
async fn failures_of_the_transport_and_every_other_code_count() {
    for answer in [
        Answer::fail("connection reset"),
        Answer::error(McpError::timed_out()),
        Answer::error(McpError::unavailable()),
        Answer::error(McpError::new(1234, "out of order")),
    ] {
        let (layer, _) = layer();
        let layer = layer.known_tools(["echo"]);
        let mock = MockService::new();
        for _ in 0..5 {
            send(&layer, &mock, call("echo"), answer.clone()).await;
        }
        assert_eq!(
            state(&layer.handle(), "echo"),
            Some(State::Open),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn b11_slow_calls_without_errors_open_it() {
    for (window, slow, expected) in [
        (Window::Calls(count(10)), 6, State::Open),
        (Window::Time(60 * SECOND), 6, State::Open),
        (Window::Calls(count(10)), 4, State::Closed),
    ] {
        let (layer, clock) = layer();
        let layer = layer
            .window(window)
            .minimum_calls(count(10))
            .slow_call_rate(SECOND, Percent::HALF)
            .known_tools(["dig"]);
        let mock = MockService::answering(move |_| {
            let slow = clock.elapsed() < 2 * SECOND * slow;
            clock.advance(if slow { 2 * SECOND } else { SECOND / 2 });
            Answer::plausible()
        });
        for _ in 0..10 {
            let response = layer.layer(mock.clone()).oneshot(call("dig")).await;
            assert_eq!(response.unwrap().outcome(), Outcome::Success);
        }
        assert_eq!(
            state(&layer.handle(), "dig"),
            Some(expected),
            "{window:?} {slow}"
        );
    }
}

#[tokio::test]
async fn long_lived_and_lifecycle_requests_are_neither_counted_nor_refused() {
    let (layer, _) = layer();
    let layer = layer.key(CircuitKey::Upstream);
    let mock = MockService::new();
    let spared = [
        "subscriptions/listen",
        "tasks/result",
        "initialize",
        "server/discover",
        "ping",
        "notifications/cancelled",
        "vendor/thing",
    ];
    for method in spared {
        for _ in 0..10 {
            send(&layer, &mock, JsonRpcRequest::new(1, method), failure()).await;
        }
    }
    assert!(layer.handle().circuits().is_empty());
    for _ in 0..5 {
        send(&layer, &mock, requests::list_tools(1), failure()).await;
    }
    assert_eq!(
        layer.handle().circuit("upstream").unwrap().state,
        State::Open
    );
    assert_eq!(
        send(&layer, &mock, call("any"), Answer::plausible()).await,
        Some(503)
    );
    for method in spared {
        let answer = send(
            &layer,
            &mock,
            JsonRpcRequest::new(1, method),
            Answer::plausible(),
        );
        assert_eq!(answer.await, None, "{method}");
    }
}

#[tokio::test]
async fn by_method_all_tools_share_a_circuit() {
    let (layer, _) = layer();
    let layer = layer.key(CircuitKey::Method);
    let mock = MockService::new();
    for number in 0..5 {
        send(&layer, &mock, call(&format!("tool {number}")), failure()).await;
    }
    assert_eq!(
        send(&layer, &mock, call("another"), Answer::plausible()).await,
        Some(503)
    );
    assert_eq!(
        send(&layer, &mock, requests::list_tools(1), Answer::plausible()).await,
        None
    );
}

#[tokio::test]
async fn a_model_can_be_told_by_a_tool_error() {
    let (layer, _) = layer();
    let layer = layer.answer_tool_errors();
    let mock = MockService::new();
    open(&layer, &mock, "fail").await;
    let response = layer.layer(mock).oneshot(call("fail")).await.unwrap();
    assert_eq!(response.outcome(), Outcome::ToolError);
    let text = serde_json::Value::from(&response)["result"]["content"][0]["text"].to_string();
    assert!(text.contains("do not call it again"), "{text}");
}

#[tokio::test]
async fn a_fallback_answers_what_it_can() {
    let kept = |request: &JsonRpcRequest, open: &CircuitOpen| {
        assert_eq!(open.circuit, "tools/call weather");
        let about = request.arguments().get("city")?.as_str()?.to_owned();
        Some(JsonRpcResponse::success(
            request,
            results::text(&format!("{about}: as before")),
        ))
    };
    let layer = CircuitBreakerLayer::new().fallback(kept);
    let mock = MockService::answering(|_| failure());
    let service = layer.layer(mock);
    let ask = |arguments| {
        let request = requests::call_tool(1, "weather", arguments);
        service.clone().oneshot(request)
    };
    for _ in 0..5 {
        ask(serde_json::json!({})).await.unwrap();
    }
    let answered = ask(serde_json::json!({ "city": "Oslo" })).await.unwrap();
    assert_eq!(answered.outcome(), Outcome::Success);
    assert!(matches!(
        answered.trail().events().next(),
        Some(Event::CircuitOpen { .. })
    ));
    let refused = ask(serde_json::json!({})).await.unwrap();
    assert_eq!(refused.outcome().code(), Some(503));
}

#[tokio::test]
async fn b12_names_that_callers_choose_share_a_circuit() {
    let (layer, _) = layer();
    let layer = layer.max_circuits(10).known_tools(["echo"]);
    let mock = MockService::new();
    let unknown = || Answer::error(McpError::new(-32602, "Unknown tool"));
    let long = "x".repeat(1_000);
    for number in 0..10_000 {
        send(
            &layer,
            &mock,
            call(&format!("no such tool {number}")),
            unknown(),
        )
        .await;
        send(
            &layer,
            &mock,
            call(&format!("{long}{number}")),
            Answer::plausible(),
        )
        .await;
    }
    let tools = || {
        let circuits = layer.handle().circuits();
        circuits
            .iter()
            .filter(|status| status.circuit.starts_with("tools/call"))
            .count()
    };
    assert_eq!(tools(), 1);
    // A server that answers whatever it is asked fills the table, and no more.
    for number in 0..1_000 {
        send(
            &layer,
            &mock,
            call(&number.to_string()),
            Answer::plausible(),
        )
        .await;
    }
    assert_eq!(tools(), 11);
    // Those without room fail together, and harm none that has a circuit.
    for number in 500..600 {
        send(&layer, &mock, call(&number.to_string()), failure()).await;
    }
    assert_eq!(layer.handle().circuit("_OTHER").unwrap().state, State::Open);
    assert_eq!(
        send(&layer, &mock, call("echo"), Answer::plausible()).await,
        None
    );
    assert_eq!(
        send(&layer, &mock, call("0"), Answer::plausible()).await,
        None
    );
    assert_eq!(
        send(&layer, &mock, call("999"), Answer::plausible()).await,
        Some(503)
    );
}
