//! Opening, and the answers of an open circuit.
#![allow(clippy::unwrap_used)]

mod common;

use common::{SECOND, call, count, failure, known, layer, open, send, state};
use mcp_layers_circuit_breaker::{
    CircuitBreakerLayer, CircuitKey, CircuitOpen, CircuitState, Percent, Window,
};
use mcp_layers_core::{
    Catalog, ClassifyOutages, ClassifyToolErrors, Event, JsonRpcRequest, JsonRpcResponse, McpError,
    McpRequest, McpResponse, Outcome,
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
    assert_eq!(error.message, "Circuit open for fail: try again in 18 s");
    assert_eq!(mock.calls(), 5);

    let echo = service.clone().oneshot(call("echo")).await.unwrap();
    assert_eq!(echo.outcome(), Outcome::Success);
    let list = service.oneshot(requests::list_tools(1)).await.unwrap();
    assert_eq!(list.outcome(), Outcome::Success);
}

#[tokio::test]
async fn the_answer_that_opened_it_has_an_event() {
    let (layer, _) = layer();
    let mock = MockService::answering(|_| failure());
    let service = layer.layer(mock);
    for number in 1..=5 {
        let response = service.clone().oneshot(call("fail")).await.unwrap();
        let events: Vec<_> = response.trail().events().cloned().collect();
        let opened = Event::CircuitChanged {
            circuit: "tools/call fail".into(),
            state: CircuitState::Open,
        };
        let expected = if number == 5 { vec![opened] } else { vec![] };
        assert_eq!(events, expected, "{number}");
    }
}

#[tokio::test]
async fn a_hundred_tool_errors_leave_it_closed_unless_they_are_classified() {
    let (layer, _) = layer();
    let handle = layer.handle();
    let mock = MockService::new();
    for _ in 0..100 {
        let invalid = Answer::tool_error("name must not be empty");
        assert_eq!(send(&layer, &mock, call("echo"), invalid).await, None);
    }
    assert_eq!(
        (mock.calls(), state(&layer.handle(), "echo")),
        (100, Some(CircuitState::Closed))
    );

    let layer = layer.classify(ClassifyToolErrors::new());
    handle.reset("tools/call echo");
    for _ in 0..5 {
        send(&layer, &mock, call("echo"), Answer::tool_error("no")).await;
    }
    assert_eq!(state(&layer.handle(), "echo"), Some(CircuitState::Open));
}

#[tokio::test]
async fn callers_errors_and_refusals_say_nothing() {
    let (layer, _) = layer();
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
    assert_eq!(
        (status.state, status.counts.calls),
        (CircuitState::Closed, 0)
    );
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
        let mock = MockService::new();
        for _ in 0..5 {
            send(&layer, &mock, call("echo"), answer.clone()).await;
        }
        assert_eq!(
            state(&layer.handle(), "echo"),
            Some(CircuitState::Open),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn slow_calls_without_errors_open_it() {
    for (window, slow, expected) in [
        (Window::Calls(count(10)), 6, CircuitState::Open),
        (Window::Time(60 * SECOND), 6, CircuitState::Open),
        (Window::Calls(count(10)), 4, CircuitState::Closed),
    ] {
        let (layer, clock) = layer();
        let layer = layer
            .window(window)
            .minimum_calls(count(10))
            .slow_call_rate(SECOND, Percent::HALF);
        let start = clock.now();
        let mock = MockService::answering(move |_| {
            let slow = clock.now() - start < 2 * SECOND * slow;
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
        CircuitState::Open
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
async fn a_refusal_can_be_a_tool_error() {
    let (layer, _) = layer();
    let layer = layer.as_tool_error();
    let mock = MockService::new();
    open(&layer, &mock, "fail").await;
    let response = layer.layer(mock).oneshot(call("fail")).await.unwrap();
    assert_eq!(response.outcome(), Outcome::ToolError);
    let text = serde_json::Value::from(&response)["result"]["content"][0]["text"].to_string();
    assert_eq!(text, r#""Circuit open for fail: try again in 30 s""#);
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
        let request = known(requests::call_tool(1, "weather", arguments));
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
async fn internal_errors_say_nothing_of_a_server_that_uses_them_for_everything() {
    let (layer, _) = layer();
    let layer = layer.classify(ClassifyOutages::new());
    let mock = MockService::new();
    for _ in 0..100 {
        let sent = send(&layer, &mock, call("echo"), failure()).await;
        assert_eq!(sent, Some(-32603));
    }
    let timeout = || Answer::error(McpError::timed_out());
    for _ in 0..5 {
        send(&layer, &mock, call("echo"), timeout()).await;
    }
    assert_eq!(state(&layer.handle(), "echo"), Some(CircuitState::Open));
}

/// A request in a stack whose catalog learns from the answers.
fn learning(tool: &str, catalog: &Catalog) -> JsonRpcRequest {
    let mut request = requests::call_tool(1, tool, serde_json::json!({}));
    request.context_mut().set_catalog(catalog.clone());
    request
}

#[tokio::test]
async fn names_that_callers_choose_share_a_circuit() {
    let (layer, _) = layer();
    let layer = layer.max_circuits(10).unwrap();
    let mock = MockService::new();
    let catalog = Catalog::new().with_tools(["echo"]);
    let unknown = || Answer::error(McpError::new(-32602, "Unknown tool"));
    send(
        &layer,
        &mock,
        learning("echo", &catalog),
        Answer::plausible(),
    )
    .await;
    let long = "x".repeat(1_000);
    for number in 0..10_000 {
        let name = format!("no such tool {number}");
        send(&layer, &mock, learning(&name, &catalog), unknown()).await;
        let name = format!("{long}{number}");
        send(
            &layer,
            &mock,
            learning(&name, &catalog),
            Answer::plausible(),
        )
        .await;
        send(
            &layer,
            &mock,
            learning(&name, &catalog),
            Answer::plausible(),
        )
        .await;
    }
    let tools = || {
        let circuits = layer.handle().circuits();
        let tools = circuits
            .iter()
            .filter(|status| status.circuit.starts_with("tools/call"));
        tools.count()
    };
    assert_eq!(tools(), 1);
    // A server that answers whatever it is asked fills the table, and no more.
    for number in 0..1_000 {
        for _ in 0..2 {
            let name = number.to_string();
            send(
                &layer,
                &mock,
                learning(&name, &catalog),
                Answer::plausible(),
            )
            .await;
        }
    }
    assert_eq!(tools(), 10);
    // Those without room fail together, and harm none that has a circuit.
    for number in 500..600 {
        let name = number.to_string();
        send(&layer, &mock, learning(&name, &catalog), failure()).await;
    }
    let other = layer.handle().circuit("_OTHER").unwrap();
    assert_eq!(other.state, CircuitState::Open);
    for (name, code) in [("echo", None), ("0", None), ("999", Some(503))] {
        let sent = send(&layer, &mock, learning(name, &catalog), Answer::plausible()).await;
        assert_eq!(sent, code, "{name}");
    }
}

#[tokio::test]
async fn attempts_of_one_call_count_once() {
    let (layer, _) = layer();
    let mock = MockService::new();
    for number in 1..=5 {
        assert_eq!(
            state(&layer.handle(), "dig").unwrap_or(CircuitState::Closed),
            CircuitState::Closed
        );
        for attempt in 1..=3 {
            let mut request = call("dig");
            request.context_mut().set_attempt(attempt);
            let code = send(&layer, &mock, request, failure()).await;
            let refused = number == 5 && attempt > 1;
            assert_eq!(code, Some(if refused { 503 } else { -32603 }));
        }
    }
    assert_eq!(state(&layer.handle(), "dig"), Some(CircuitState::Open));
}

#[test]
fn a_bound_of_zero_is_a_config_error() {
    assert!(CircuitBreakerLayer::new().max_circuits(0).is_err());
}
