//! Errors as callers read them, and as operators read them in the log.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;

use std::{error::Error, fmt, time::Duration};

use common::{SECRET, ask, ask_for, ask_service, error_id, logged, masked, wire};
use mcp_layers_core::{Event, JsonRpcRequest, JsonRpcResponse, McpError, McpResponse, code};
use mcp_layers_error_mask::{ErrorMaskLayer, Redactor};
use mcp_layers_test::{Answer, MockService, requests, results};
use mcp_layers_util::{CatchErrorLayer, CatchPanicLayer};
use serde_json::{Value, json};
use tower::{Layer, ServiceBuilder};

/// Asserts that the secret is not on the wire, and is in the log under the id that the caller got.
fn hidden_and_logged(response: &JsonRpcResponse, log: &str) {
    let sent = wire(response);
    assert!(!sent.to_string().contains(SECRET), "{sent}");
    let id = error_id(response);
    assert_eq!(
        sent["error"]["message"],
        format!("Internal error (id {id})")
    );
    let mut lines = log.lines().filter(|line| line.contains(&id));
    let line = lines.next().unwrap_or_else(|| panic!("{id} in {log}"));
    assert!(line.contains(SECRET) && line.contains("ERROR"), "{line}");
    assert_eq!(masked(response).pop().unwrap().0, id);
}

#[test]
fn a_panic_answers_one_request_and_says_nothing() {
    for panic in [Answer::panic, Answer::panic_in_call] {
        let mock = MockService::new();
        mock.push(panic(format!("db password={SECRET}")));
        let service = ServiceBuilder::new()
            .layer(ErrorMaskLayer::new())
            .layer(CatchPanicLayer::new())
            .service(mock);
        let request = requests::call_tool(1, "echo", json!({}));
        let (response, log) = ask_service(service.clone(), request.clone());
        assert_eq!(response.outcome().code(), Some(code::INTERNAL_ERROR));
        hidden_and_logged(&response, &log);
        let (alive, _) = ask_service(service, request);
        assert_eq!(alive.outcome().code(), None);
    }
}

#[test]
fn a_panic_while_an_answered_call_is_dropped_is_logged() {
    struct PanicsAsItIsDropped;
    impl Drop for PanicsAsItIsDropped {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new(SECRET));
        }
    }
    let service = ServiceBuilder::new()
        .layer(ErrorMaskLayer::new())
        .layer(CatchPanicLayer::new())
        .service_fn(|request: JsonRpcRequest| {
            let guard = PanicsAsItIsDropped;
            let answer = JsonRpcResponse::success(&request, json!({ "ok": true }));
            let mut answer = Some(answer);
            std::future::poll_fn(move |_| {
                let _held = &guard;
                std::task::Poll::Ready(Ok::<_, McpError>(answer.take().unwrap()))
            })
        });
    let (response, log) = ask_service(service, requests::call_tool(1, "echo", json!({})));
    assert_eq!(wire(&response)["result"], json!({ "ok": true }));
    assert!(
        log.contains(SECRET) && log.contains("did not change the answer"),
        "{log}"
    );
}

#[test]
fn message_and_data_of_an_error_are_hidden() {
    for number in [code::INTERNAL_ERROR, 1000, -1, 500, 429] {
        let error = McpError::new(number, format!("db password={SECRET}"))
            .with("nested", json!({ "deep": [{ "cause": SECRET }] }));
        let (response, log) = ask(ErrorMaskLayer::new(), error);
        assert_eq!(response.outcome().code(), Some(number));
        hidden_and_logged(&response, &log);
        assert!(log.contains("deep"), "{log}");
    }
}

#[test]
fn the_causes_of_a_layers_error_are_hidden() {
    #[derive(Debug)]
    struct Outer(Inner);
    #[derive(Debug)]
    struct Inner;
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the pool is empty")
        }
    }
    impl fmt::Display for Inner {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "no connection as {SECRET}")
        }
    }
    impl Error for Inner {}
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    let service = ServiceBuilder::new()
        .layer(ErrorMaskLayer::new())
        .layer(CatchErrorLayer::new())
        .service_fn(|_: JsonRpcRequest| async { Err::<JsonRpcResponse, _>(Outer(Inner)) });
    let (response, log) = ask_service(service, requests::call_tool(1, "echo", json!({})));
    hidden_and_logged(&response, &log);
    assert!(log.contains("the pool is empty"), "{log}");
}

#[test]
fn refusals_of_layers_are_public() {
    for error in [
        McpError::unauthenticated(),
        McpError::forbidden(),
        McpError::deadline_exceeded(),
        McpError::too_large(),
        McpError::rate_limited(Duration::from_millis(5)),
        McpError::unavailable(),
        McpError::timed_out(),
        McpError::public(1000, "out of stock").with("left", 0),
    ] {
        let (response, log) = ask(ErrorMaskLayer::new(), error.clone());
        assert_eq!(response.into_error().unwrap(), error);
        assert_eq!(log, "");
    }
}

#[test]
fn a_tools_error_stays_a_result_and_loses_its_secrets() {
    let result = json!({
        "content": [{ "type": "text", "text": format!("no access with password={SECRET}") }],
        "structuredContent": { "db": { "password": SECRET, "port": 5432 }, "pin": 1234 },
        "isError": true,
    });
    let (response, _) = ask(ErrorMaskLayer::new(), result.clone());
    assert_eq!(
        wire(&response)["result"],
        json!({
            "content": [{ "type": "text", "text": "no access with password=[secret]" }],
            "structuredContent": { "db": { "password": "[secret]", "port": 5432 }, "pin": 0 },
            "isError": true,
        })
    );
    let layer = ErrorMaskLayer::new().redactor(Redactor::none());
    let (response, _) = ask(layer, result.clone());
    assert_eq!(wire(&response)["result"], result, "no policy, no change");
}

#[test]
fn any_result_is_scrubbed_by_setting() {
    let result = json!({ "content": [{ "type": "text", "text": format!("password={SECRET}") }] });
    let every = || ErrorMaskLayer::new().every_result();
    let (response, _) = ask(every(), result.clone());
    assert!(!wire(&response).to_string().contains(SECRET));
    let (response, _) = ask(ErrorMaskLayer::new(), result);
    assert!(wire(&response).to_string().contains(SECRET));

    let contents = json!({ "contents": [{ "uri": "file:///a", "text": format!("pwd={SECRET}") }] });
    let (response, _) = ask_for(every(), requests::read_resource(1, "file:///a"), contents);
    let sent = wire(&response);
    assert_eq!(sent["result"]["contents"][0]["text"], "pwd=[secret]");
    assert_eq!(sent["result"]["contents"][0]["uri"], "file:///a");

    // What lists name has to be recognised.
    let list = json!({ "tools": [{ "name": "password=reset", "inputSchema": {} }] });
    let (response, _) = ask_for(every(), requests::list_tools(1), list.clone());
    assert_eq!(wire(&response)["result"], list);
}

#[test]
fn a_text_without_a_secret_stays_to_the_letter() {
    const TEXTS: [&str; 6] = [
        "one\u{2028}two\u{2029}three",
        "a\r\nb\rc\td",
        "\u{2764}\u{fe0f} \u{1f469}\u{200d}\u{1f52c}",
        "\u{1b}[31mred\u{1b}[0m \u{7f}\u{85}",
        "\u{feff}soft\u{ad}hyphen \u{202e}",
        "{\"a\": \"x\u{2028}y\"}",
    ];
    let every = || ErrorMaskLayer::new().every_result();
    for text in TEXTS {
        let result = json!({
            "content": [{ "type": "text", "text": text }],
            "structuredContent": { "a": [text] },
        });
        let (response, _) = ask(every(), result.clone());
        assert_eq!(wire(&response)["result"], result);
        let contents = json!({ "contents": [{ "uri": "file:///a", "text": text }] });
        let read = requests::read_resource(1, "file:///a");
        let (response, _) = ask_for(every(), read, contents.clone());
        assert_eq!(wire(&response)["result"], contents);
    }
    // A text with a secret is sanitized as well.
    let text = format!("a\u{2028}b\u{200b} password={SECRET}");
    let result = json!({ "content": [{ "type": "text", "text": text }] });
    let (response, _) = ask(every(), result);
    let text = wire(&response)["result"]["content"][0]["text"].clone();
    assert_eq!(text, "a\nb password=[secret]");
}

#[test]
fn a_failed_task_hides_its_error() {
    let get = || JsonRpcRequest::new(1, "tasks/get").with_params(json!({ "taskId": "1" }));
    let mut failed = results::failed_task(-32603, SECRET);
    failed["statusMessage"] = json!(format!("failed: {SECRET}"));
    let (response, log) = ask_for(ErrorMaskLayer::new(), get(), failed);
    let sent = wire(&response);
    assert!(!sent.to_string().contains(SECRET), "{sent}");
    let id = sent["result"]["error"]["data"]["errorId"].as_str().unwrap();
    assert!(log.contains(id) && log.contains(SECRET), "{log}");
    assert_eq!(masked(&response), [(id.to_owned(), SECRET.to_owned())]);
    assert_eq!(sent["result"]["status"], "failed");

    // 2025-11-25 has but the status message; the id is in the metadata.
    let legacy = json!({ "taskId": "1", "status": "failed", "statusMessage": SECRET });
    let (response, log) = ask_for(ErrorMaskLayer::new(), get(), legacy.clone());
    let sent = wire(&response);
    assert!(!sent.to_string().contains(SECRET), "{sent}");
    let id = sent["result"]["_meta"]["mcp-layers.error-mask/errorId"].as_str();
    assert!(log.contains(id.unwrap()) && log.contains(SECRET), "{log}");

    let list = JsonRpcRequest::new(1, "tasks/list");
    let working = json!({ "taskId": "2", "status": "working", "statusMessage": "half" });
    let tasks = json!({ "tasks": [working, legacy] });
    let (response, _) = ask_for(ErrorMaskLayer::new(), list, tasks);
    let sent = wire(&response);
    assert!(!sent.to_string().contains(SECRET), "{sent}");
    assert_eq!(sent["result"]["tasks"][0], working);
}

#[test]
fn validation_errors_are_kept() {
    for number in [
        code::PARSE_ERROR,
        code::INVALID_REQUEST,
        code::METHOD_NOT_FOUND,
        code::INVALID_PARAMS,
        code::RESOURCE_NOT_FOUND,
        code::HEADER_MISMATCH,
        code::MISSING_CLIENT_CAPABILITY,
        code::UNSUPPORTED_PROTOCOL_VERSION,
        code::URL_ELICITATION_REQUIRED,
    ] {
        let error = McpError::new(number, "password must have at least 8 characters")
            .with("uri", "test://item/7?token=abc")
            .with("supported", json!(["2025-11-25"]));
        let (response, log) = ask(ErrorMaskLayer::new(), error.clone());
        let sent = wire(&response);
        assert_eq!(sent["error"]["code"], number);
        assert_eq!(sent["error"]["message"], error.message.as_ref());
        assert_eq!(Some(&sent["error"]["data"]), error.data.as_ref());
        assert_eq!(log, "");
    }
}

#[test]
fn a_validation_error_loses_secrets_and_by_setting_echoed_values() {
    let error = McpError::new(
        code::INVALID_PARAMS,
        format!("password={SECRET}: invalid type: string \"4711\", expected u64"),
    )
    .with("config", json!({ "api_key": SECRET, "value": "4711" }))
    .with("uri", "test://a");
    let (response, _) = ask(ErrorMaskLayer::new(), error.clone());
    let sent = wire(&response)["error"].clone();
    assert!(!sent.to_string().contains(SECRET), "{sent}");
    assert!(sent.to_string().contains("4711"), "{sent}");

    let (response, _) = ask(ErrorMaskLayer::new().hide_echoed_values(), error);
    let sent = wire(&response)["error"].clone();
    assert!(!sent.to_string().contains("4711"), "{sent}");
    assert!(sent.to_string().contains("expected u64"), "{sent}");
    assert_eq!(sent["data"], json!({ "uri": "test://a" }));
}

#[test]
fn ids_are_unguessable_and_the_same_everywhere() {
    let mut ids: Vec<_> = (0..1_000)
        .map(|_| {
            let (response, log) = ask(ErrorMaskLayer::new(), McpError::new(1000, SECRET));
            hidden_and_logged(&response, &log);
            error_id(&response)
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1_000);
    let digits = |id: &String| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    assert!(ids.iter().all(|id| id.len() == 26 && digits(id)));
    // 26 digits of 32 hold 130 bits: each position but the first takes every value.
    for position in 1..26 {
        let mut seen: Vec<_> = ids.iter().map(|id| id.as_bytes()[position]).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 32, "position {position}");
    }
}

#[test]
fn texts_are_cut_at_a_boundary_and_neutralised() {
    let evil = "\u{1b}[31mno\u{1b}[0m\r\n\u{202e}file\u{7}: ";
    let error = McpError::new(
        code::INVALID_PARAMS,
        format!("{evil}{}", "é".repeat(1 << 20)),
    )
    .with("detail", evil);
    let layer = ErrorMaskLayer::new().max_error_text(64).unwrap();
    let (response, _) = ask(layer, error);
    let sent = wire(&response)["error"].clone();
    let message = sent["message"].as_str().unwrap();
    assert!(
        message.starts_with("no file: éé") && message.ends_with("é…"),
        "{message}"
    );
    assert!(message.len() <= 64);
    assert_eq!(sent["data"]["detail"], "no\nfile: ");

    let (response, _) = ask(
        ErrorMaskLayer::new().max_result_text(32).unwrap(),
        Answer::tool_error(format!(
            "{evil}pass\u{200b}word={SECRET} {}",
            "x".repeat(1 << 20)
        )),
    );
    let sent = wire(&response);
    let text = sent["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.len() <= 32 && !text.contains(SECRET), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{text:?}");
}

#[test]
fn a_log_record_stays_one_line() {
    let error = McpError::new(1000, "first\nERROR forged: line \u{1b}[2J");
    let (response, log) = ask(ErrorMaskLayer::new(), error);
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains(&error_id(&response)) && !log.contains('\u{1b}'));
}

#[test]
fn reserved_codes_become_allowed_ones() {
    let reserved = (-32099..=-32000).chain([-32768, -32700 + 1, -32604, -32599]);
    let of_protocol = [-32002, -32020, -32021, -32022, -32042];
    for number in reserved {
        let expected = if of_protocol.contains(&number) {
            number
        } else {
            code::INTERNAL_ERROR
        };
        for error in [
            McpError::new(number, "chosen"),
            McpError::public(number, "chosen"),
        ] {
            let public = error.is_public();
            let (response, _) = ask(ErrorMaskLayer::new(), error);
            assert_eq!(response.outcome().code(), Some(expected), "{number}");
            let sent = wire(&response)["error"]["message"].clone();
            let keeps = public || expected != code::INTERNAL_ERROR;
            assert_eq!(sent == "chosen", keeps, "{number} {sent}");
        }
    }
    for number in [-31999, -32769, 0, 1, 404, i32::MIN, i32::MAX] {
        let (response, _) = ask(ErrorMaskLayer::new(), McpError::new(number, SECRET));
        assert_eq!(response.outcome().code(), Some(number));
    }
}

#[test]
fn the_operator_declares_codes_public() {
    let layer = ErrorMaskLayer::new().public_codes([1000, 1001]).unwrap();
    let error = McpError::new(1001, "out of stock").with("left", 0);
    let (response, log) = ask(layer.clone(), error);
    let sent = wire(&response)["error"].clone();
    assert_eq!(sent["message"], "out of stock");
    assert_eq!(sent["data"], json!({ "left": 0 }));
    assert_eq!(log, "");
    let (response, _) = ask(layer, McpError::new(1002, SECRET));
    assert!(!wire(&response).to_string().contains(SECRET));
    for reserved in [-32603, -32000, -32002, -32768] {
        let refused = ErrorMaskLayer::new().public_codes([1000, reserved]);
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains(&reserved.to_string())
        );
    }
}

#[test]
fn two_masks_mask_once() {
    let mock = MockService::new();
    mock.push(Answer::panic(SECRET));
    let service = ServiceBuilder::new()
        .layer(ErrorMaskLayer::new().message("outer"))
        .layer(ErrorMaskLayer::new().message("inner"))
        .layer(CatchPanicLayer::new())
        .service(mock);
    let (response, log) = ask_service(service, requests::call_tool(1, "echo", json!({})));
    let message = wire(&response)["error"]["message"].to_string();
    assert!(message.starts_with("\"inner (id "), "{message}");
    assert_eq!(masked(&response).len(), 1);
    assert_eq!(log.lines().count(), 1, "{log}");
}

#[test]
fn the_development_profile_shows_details_and_says_so() {
    let (layer, warning) = logged(ErrorMaskLayer::unmasked_for_development);
    assert!(
        warning.contains("WARN") && warning.contains("NOT masked"),
        "{warning}"
    );
    let mock = MockService::new();
    mock.push(Answer::panic(SECRET));
    let inner = CatchPanicLayer::new().layer(mock);
    let request = requests::call_tool(1, "echo", json!({}));
    let (response, log) = ask_service(layer.clone().layer(inner), request);
    let sent = wire(&response)["error"].clone();
    assert_eq!(sent["data"]["unmasked"]["causes"], json!([SECRET]));
    assert!(log.contains(&error_id(&response)), "{log}");

    let error = McpError::new(-32050, SECRET).with("why", "because");
    let (response, _) = ask(layer, error);
    let sent = wire(&response)["error"].clone();
    assert_eq!(sent["message"], SECRET);
    assert_eq!(
        sent["data"]["unmasked"]["data"],
        json!({ "why": "because" })
    );
    assert_eq!(
        sent["code"],
        code::INTERNAL_ERROR,
        "codes are mapped all the same"
    );
}

#[test]
fn the_error_of_the_inner_service_is_passed_on() {
    let mock = MockService::new();
    mock.push(Answer::fail(SECRET));
    let service = ErrorMaskLayer::new().layer(mock);
    let request = requests::call_tool(1, "echo", json!({}));
    let error = futures::executor::block_on(tower::ServiceExt::oneshot(service, request));
    assert_eq!(error.unwrap_err().to_string(), SECRET);
}

#[test]
fn events_of_inner_layers_stay_in_the_trail() {
    let request = requests::call_tool(1, "echo", json!({}));
    let mut answer = JsonRpcResponse::error(&request, McpError::new(1000, SECRET));
    answer.trail_mut().push(Event::Cancelled);
    let (response, _) = ask(ErrorMaskLayer::new(), Answer::response(answer));
    let events: Vec<_> = response.trail().events().collect();
    assert!(
        matches!(events[..], [Event::Cancelled, Event::Masked { .. }]),
        "{events:?}"
    );
    assert_eq!(wire(&response)["id"], Value::from(1));
}
