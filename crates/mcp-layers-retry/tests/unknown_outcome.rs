//! A call that may have taken effect runs once, and its error says so.
#![allow(clippy::unwrap_used)]

mod common;

use common::{SECOND, call, gave_up, retry, send};
use mcp_layers_core::{Event, McpError, McpResponse, Outcome};
use mcp_layers_test::{Answer, MockService};
use serde_json::{Value, json};

async fn ask(answer: Answer) -> (McpError, Option<&'static str>) {
    let mock = MockService::answering(move |_| answer.clone());
    let layer = retry(3).attempt_timeout(SECOND);
    let response = send(&layer, &mock, call("pay")).await.unwrap();
    assert_eq!(mock.calls(), 1);
    let reason = gave_up(&response);
    let is_unknown = response
        .trail()
        .events()
        .any(|event| *event == Event::OutcomeUnknown);
    let error = response.into_error().unwrap();
    let outcome = error.data.as_ref().and_then(|data| data.get("outcome"));
    // The event is there exactly when the error says so.
    assert_eq!(is_unknown, outcome == Some(&json!("unknown")));
    (error, reason)
}

#[tokio::test(start_paused = true)]
async fn an_unsafe_call_runs_once_and_its_error_says_that_the_outcome_is_unknown() {
    let internal = |data: Option<Value>| McpError::new(-32603, "disk full").with_data(data);
    for (answer, code, expected) in [
        (
            Answer::error(internal(None)),
            -32603,
            json!({ "outcome": "unknown" }),
        ),
        (
            Answer::error(internal(Some(json!({ "runs": 1 })))),
            -32603,
            json!({ "runs": 1, "outcome": "unknown" }),
        ),
        (
            Answer::error(internal(Some(json!([1, 2])))),
            -32603,
            json!({ "data": [1, 2], "outcome": "unknown" }),
        ),
        (
            Answer::fail("connection reset"),
            -32603,
            json!({ "outcome": "unknown" }),
        ),
        (
            Answer::error(McpError::timed_out()),
            504,
            json!({ "reason": "timed_out", "outcome": "unknown" }),
        ),
        // The attempt's own time.
        (
            Answer::never(),
            504,
            json!({ "reason": "timed_out", "outcome": "unknown" }),
        ),
    ] {
        let (error, reason) = ask(answer).await;
        assert_eq!(
            (error.code, error.data.as_ref(), reason),
            (code, Some(&expected), Some("unsafe"))
        );
        assert!(error.message.contains("outcome is unknown"), "{error}");
    }
    // What the service said stays, and stays as public as it was.
    let (error, _) = ask(Answer::error(internal(None))).await;
    assert!(error.message.starts_with("disk full (") && !error.is_public());
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_the_server_reports_stays() {
    let told = McpError::new(-32603, "rolled back").with("outcome", "failed");
    let (error, _) = ask(Answer::error(told.clone())).await;
    assert_eq!(error, told);
}

#[tokio::test(start_paused = true)]
async fn refusals_and_answers_are_not_unknown() {
    let open = McpError::unavailable().with("reason", "circuit_open");
    for error in [
        McpError::rate_limited(SECOND),
        open,
        McpError::unavailable(),
        McpError::new(-32602, "Unknown tool"),
        McpError::forbidden(),
        McpError::new(1234, "out of stock"),
    ] {
        let (seen, reason) = ask(Answer::error(error.clone())).await;
        assert_eq!((seen, reason), (error, None));
    }
    let mock = MockService::answering(|_| Answer::tool_error("no"));
    let response = send(&retry(3), &mock, call("pay")).await.unwrap();
    assert_eq!(response.outcome(), Outcome::ToolError);
}
