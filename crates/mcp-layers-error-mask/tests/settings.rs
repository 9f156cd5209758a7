//! The settings of the layer, its log and its counts.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;

use std::{sync::Arc, time::Duration};

use common::{SECRET, ask, ask_for, ask_service, error_id, logged, wire};
use futures::FutureExt;
use mcp_layers_core::{
    Authentication, Clock, Event, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest,
    McpResponse, Outcome, Principal, code,
};
use mcp_layers_error_mask::{ErrorMask, ErrorMaskLayer, Redactor};
use mcp_layers_test::{Answer, MockService, requests};
use mcp_layers_util::CatchPanicLayer;
use serde_json::json;
use tower::{Layer, Service};

fn call(tool: &str) -> JsonRpcRequest {
    requests::call_tool(1, tool, json!({}))
}

#[test]
fn a_masked_error_can_be_a_tool_result() {
    let layer = ErrorMaskLayer::new().as_tool_error();
    let (response, log) = ask(layer.clone(), McpError::new(-32603, SECRET));
    assert_eq!(response.outcome(), Outcome::ToolError);
    let text = wire(&response)["result"]["content"][0]["text"].clone();
    let text = text.as_str().unwrap();
    let id = text
        .strip_prefix("Internal error (id ")
        .unwrap()
        .strip_suffix(')')
        .unwrap();
    assert!(log.contains(id) && log.contains(SECRET), "{log}");
    assert!(matches!(
        response.trail().events().last(),
        Some(Event::Masked { .. })
    ));
    // Other errors keep their form, and so do other methods.
    let (response, _) = ask(layer.clone(), McpError::new(code::INVALID_PARAMS, "no"));
    assert_eq!(response.outcome().code(), Some(code::INVALID_PARAMS));
    let (response, _) = ask_for(
        layer,
        requests::list_tools(1),
        McpError::new(-32603, SECRET),
    );
    assert_eq!(response.outcome().code(), Some(-32603));
}

#[test]
fn an_unknown_outcome_stays_known_as_such() {
    let error = McpError::new(-32603, format!("connection lost as {SECRET}"))
        .with("outcome", "unknown")
        .with("host", SECRET);
    let mut failed = JsonRpcResponse::error(&call("echo"), error.clone());
    failed.trail_mut().push(Event::OutcomeUnknown);
    let (response, _) = ask(ErrorMaskLayer::new(), Answer::response(failed));
    let sent = wire(&response)["error"].clone();
    assert_eq!(sent["data"]["outcome"], "unknown");
    let message = sent["message"].as_str().unwrap();
    assert!(
        message.contains("the outcome is unknown, the call may have taken effect"),
        "{message}"
    );
    assert!(!sent.to_string().contains(SECRET), "{sent}");
    // The trail decides, not what the server wrote into its data.
    let (response, _) = ask(ErrorMaskLayer::new(), error);
    let sent = wire(&response)["error"].clone();
    assert_eq!(sent["data"]["outcome"], json!(null));
    let message = sent["message"].as_str().unwrap();
    assert!(!message.contains("outcome"), "{message}");
}

#[test]
fn texts_can_be_kept_without_their_secrets() {
    let error = McpError::new(-32603, format!("no row 17 in orders, password={SECRET}"))
        .with("row", 17)
        .with("api_key", SECRET);
    let layer = ErrorMaskLayer::new().keep_texts();
    let (response, log) = ask(layer.clone(), error);
    let sent = wire(&response)["error"].clone();
    assert_eq!(sent["message"], "no row 17 in orders, password=[secret]");
    assert_eq!(sent["data"]["row"], 17);
    assert_eq!(sent["data"]["api_key"], "[secret]");
    assert!(
        log.contains(&error_id(&response)) && log.contains(SECRET),
        "{log}"
    );
    // Neither a panic's message nor a layer's error is meant for callers.
    let mock = MockService::new();
    mock.push(Answer::panic(SECRET));
    let (response, _) = ask_service(
        layer.layer(CatchPanicLayer::new().layer(mock)),
        call("echo"),
    );
    let id = error_id(&response);
    assert_eq!(
        wire(&response)["error"]["message"],
        format!("Internal error (id {id})")
    );
}

#[test]
fn at_most_one_line_a_second_is_logged_for_a_tool() {
    let clock = Clock::manual();
    let layer = ErrorMaskLayer::new().with_clock(clock.clone());
    let handle = layer.handle();
    let fail = |tool: &str| ask_for(layer.clone(), call(tool), McpError::new(1000, SECRET)).1;
    let first = fail("report");
    assert!(first.contains("target=\"report\""), "{first}");
    for _ in 0..7 {
        assert_eq!(fail("report"), "");
    }
    let other = fail("search");
    assert!(other.contains("target=\"search\""), "{other}");
    clock.advance(Duration::from_secs(1));
    let later = fail("report");
    assert_eq!(later.lines().count(), 1, "{later}");
    assert!(later.contains("more_since_last_line=7"), "{later}");
    assert_eq!(handle.stats().masked, 10);
    assert_eq!(handle.stats().unlogged, 0);
}

fn by(subject: &str, tool: &str) -> JsonRpcRequest {
    let mut request = call(tool);
    let principal = Principal::new(subject, Authentication::Bearer);
    request.context_mut().set_principal(Arc::new(principal));
    request
}

#[test]
fn the_noise_of_one_caller_silences_no_line_of_another() {
    let layer = ErrorMaskLayer::new().with_clock(Clock::manual());
    let fail = |request| ask_for(layer.clone(), request, McpError::new(1000, SECRET)).1;
    for number in 0..500 {
        fail(by("mallory", "report"));
        fail(by("mallory", &format!("invented{number}")));
    }
    assert_eq!(fail(by("mallory", "report")), "");
    assert_eq!(fail(by("mallory", "one more")), "");
    for tool in ["report", "one more"] {
        let line = fail(by("ada", tool));
        assert_eq!(line.lines().count(), 1, "{line}");
        assert_eq!(fail(by("ada", tool)), "");
    }
    // A claim is no caller of its own.
    let mut claimed = call("report");
    let name = Principal::new("mallory", Authentication::Unverified);
    claimed.context_mut().set_principal(Arc::new(name));
    assert_ne!(fail(call("report")), "");
    assert_eq!(fail(claimed), "");
}

#[test]
fn callers_that_are_forgotten_have_a_line_again() {
    let layer = ErrorMaskLayer::new().with_clock(Clock::manual());
    let fail = |who: &str| ask_for(layer.clone(), by(who, "report"), McpError::new(1000, "no")).1;
    for number in 0..3_000 {
        assert_ne!(fail(&format!("caller{number}")), "", "{number}");
    }
    assert_eq!(fail("caller2999"), "");
    assert_ne!(fail("caller0"), "");
}

#[test]
fn errors_that_nobody_logs_are_counted() {
    let layer = ErrorMaskLayer::new();
    let mock = MockService::new();
    mock.push(McpError::new(1000, SECRET));
    mock.push(McpError::new(1000, SECRET));
    let mut service = layer.layer(mock);
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), || {
        for _ in 0..2 {
            assert!(service.call(call("echo")).now_or_never().is_some());
        }
    });
    assert_eq!(layer.handle().stats().unlogged, 2);
}

#[test]
fn that_nobody_logs_errors_is_on_stderr_once() {
    // The test above, in a process whose output is not captured.
    let test = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "errors_that_nobody_logs_are_counted",
            "--nocapture",
        ])
        .output()
        .unwrap();
    assert!(test.status.success());
    let stderr = String::from_utf8(test.stderr).unwrap();
    let warning = "the log target `mcp_layers_error_mask` is disabled";
    assert_eq!(stderr.matches(warning).count(), 1, "{stderr}");
}

#[test]
fn secrets_under_names_go_from_meta_and_from_the_results_of_tasks() {
    let result = json!({
        "content": [{ "type": "text", "text": "no", "_meta": { "token": SECRET } }],
        "_meta": { "db": { "password": SECRET }, "nextPageToken": "abc" },
        "isError": true,
    });
    let (response, _) = ask(ErrorMaskLayer::new(), result);
    let sent = wire(&response);
    assert!(!sent.to_string().contains(SECRET), "{sent}");
    assert_eq!(sent["result"]["_meta"]["nextPageToken"], "abc");

    let done = json!({
        "taskId": "1", "status": "completed",
        "result": {
            "content": [], "structuredContent": { "password": SECRET, "port": 5432 },
            "_meta": { "api_key": SECRET },
        },
    });
    let get = JsonRpcRequest::new(1, "tasks/get").with_params(json!({ "taskId": "1" }));
    let (response, _) = ask_for(ErrorMaskLayer::new(), get, done);
    let sent = wire(&response);
    assert!(!sent.to_string().contains(SECRET), "{sent}");
    assert_eq!(sent["result"]["result"]["structuredContent"]["port"], 5432);
}

#[test]
fn a_handle_outlives_later_settings() {
    let layer = ErrorMaskLayer::new();
    let handle = layer.handle();
    let (_, _) = ask(layer.clone(), McpError::new(1000, SECRET));
    let (_, _) = ask(
        layer.message("Failed").as_tool_error(),
        McpError::new(1000, SECRET),
    );
    assert_eq!(handle.stats().masked, 2);
}

#[test]
fn a_limit_of_zero_is_refused() {
    assert!(ErrorMaskLayer::new().max_error_text(0).is_err());
    assert!(ErrorMaskLayer::new().max_result_text(0).is_err());
}

#[test]
fn debug_shows_no_original() {
    for answer in [
        Answer::panic(SECRET),
        Answer::error(McpError::new(1000, SECRET)),
        Answer::error(McpError::new(-32603, SECRET)),
    ] {
        let mock = MockService::new();
        mock.push(answer);
        let service = ErrorMaskLayer::new().layer(CatchPanicLayer::new().layer(mock));
        let (response, _) = ask_service(service, call("echo"));
        let shown = format!("{response:?}");
        assert!(
            !shown.contains(SECRET) && shown.contains(&error_id(&response)),
            "{shown}"
        );
    }
}

#[test]
fn a_service_can_be_made_without_the_layer() {
    let mock = MockService::new();
    mock.push(McpError::new(1000, SECRET));
    let mut service = ErrorMask::new(mock);
    let _ = service.get_ref();
    let _ = service.get_mut();
    let (response, _) = ask_service(service, call("echo"));
    assert!(!wire(&response).to_string().contains(SECRET));
}

#[test]
#[should_panic(expected = "polled after completion")]
fn a_finished_future_is_not_polled_again() {
    let mut service = ErrorMaskLayer::new()
        .redactor(Redactor::internals())
        .layer(MockService::new());
    let mut future = service.call(call("echo"));
    let _ = logged(|| (&mut future).now_or_never());
    let _ = future.now_or_never();
}
