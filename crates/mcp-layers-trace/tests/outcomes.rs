//! Status, `error.type` and status code of each outcome.

mod common;

use common::{Sdk, attributes, call, error, exchange};
use mcp_layers_core::McpError;
use mcp_layers_test::{Answer, MockService, Task, results};
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::SpanData;
use tower::{Layer, Service};

/// An outcome, with the `error.type` of a server and of a client, and the status code.
struct Row {
    answer: Answer,
    server: Option<&'static str>,
    client: Option<&'static str>,
    code: Option<&'static str>,
}

fn row(
    answer: Answer,
    server: Option<&'static str>,
    client: Option<&'static str>,
    code: Option<&'static str>,
) -> Row {
    Row {
        answer,
        server,
        client,
        code,
    }
}

fn rows() -> Vec<Row> {
    let both = |answer, error_type, code| row(answer, error_type, error_type, code);
    let mut rows = vec![
        both(Answer::plausible(), None, None),
        both(Answer::result(results::task_created()), None, None),
        both(Answer::result(results::input_required()), None, None),
        both(Answer::tool_error("no"), Some("tool_error"), None),
        both(Answer::fail("connection reset"), Some("_OTHER"), None),
        both(Answer::panic("broken"), Some("_OTHER"), None),
        both(Answer::panic_in_call("broken"), Some("_OTHER"), None),
        both(error(499), Some("cancelled"), Some("499")),
        both(error(504), Some("timeout"), Some("504")),
    ];
    // Of the caller's making: the client alone says that they are errors.
    for (code, text) in [
        (-32700, "-32700"),
        (-32600, "-32600"),
        (-32601, "-32601"),
        (-32602, "-32602"),
        (-32002, "-32002"),
    ] {
        rows.push(row(error(code), None, Some(text), Some(text)));
    }
    for (code, text) in [
        (-32603, "-32603"),
        (-32020, "-32020"),
        (-32021, "-32021"),
        (-32022, "-32022"),
        (-32042, "-32042"),
        (-32000, "-32000"),
        (401, "401"),
        (403, "403"),
        (408, "408"),
        (413, "413"),
        (429, "429"),
        (503, "503"),
        (7, "7"),
    ] {
        rows.push(both(error(code), Some(text), Some(text)));
    }
    rows
}

#[track_caller]
fn check(span: &SpanData, error_type: Option<&str>, code: Option<&str>) {
    let found = attributes(span);
    let value = |name| found.get(name).map(String::as_str);
    assert_eq!(value("error.type"), error_type, "{span:?}");
    assert_eq!(value("rpc.response.status_code"), code, "{span:?}");
    let description = match (error_type, code) {
        (None, _) => None,
        (Some(_), None) => Some(String::new()),
        (Some(_), Some(code)) => Some(format!("message of {code}")),
    };
    let expected = description.map_or(Status::Unset, Status::error);
    assert_eq!(span.status, expected, "{span:?}");
}

#[test]
fn each_outcome_has_its_status_on_both_sides() {
    for row in rows() {
        for (is_server, error_type) in [(true, row.server), (false, row.client)] {
            let sdk = Sdk::new();
            let layer = if is_server {
                sdk.server()
            } else {
                sdk.client()
            };
            exchange(&layer, call("echo"), row.answer.clone());
            check(&sdk.only(), error_type, row.code);
        }
    }
}

#[test]
fn a_dropped_call_is_cancelled() {
    let sdk = Sdk::new();
    for is_polled in [false, true] {
        let mut service = sdk.server().layer(MockService::scripted([Answer::never()]));
        common::run(futures::future::poll_fn(|cx| service.poll_ready(cx))).unwrap();
        let mut task = Task::new(service.call(call("echo")));
        if is_polled {
            assert!(task.poll().is_pending());
        }
        drop(task);
        check(&sdk.only(), Some("cancelled"), None);
    }
}

#[test]
fn results_that_are_not_final_are_told_from_finished_work() {
    let sdk = Sdk::new();
    for (answer, expected) in [
        (Answer::plausible(), None),
        (Answer::result(results::task_created()), Some("task")),
        (
            Answer::result(results::input_required()),
            Some("input_required"),
        ),
    ] {
        exchange(&sdk.server(), call("echo"), answer);
        let found = attributes(&sdk.only());
        let value = found.get("mcp_layers.result_type");
        assert_eq!(value.map(String::as_str), expected);
    }
}

#[test]
fn a_long_message_is_cut_and_credentials_in_it_are_redacted() {
    let sdk = Sdk::new();
    let message = format!("password=hunter2 {}", "é".repeat(2_000));
    exchange(
        &sdk.server(),
        call("echo"),
        Answer::error(McpError::new(-32603, message)),
    );
    let Status::Error { description } = sdk.only().status else {
        panic!("no error");
    };
    assert!(
        description.starts_with("password=[secret] é"),
        "{description}"
    );
    assert!(description.len() <= 1_024, "{}", description.len());
}
