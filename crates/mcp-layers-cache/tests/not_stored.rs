//! Results that are never stored and never shared.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use mcp_layers_cache::{CacheLayer, Freshness};
use mcp_layers_core::{
    Catalog, Hints, JsonRpcRequest, McpError, McpRequest, McpResponse, Method,
    response::CacheScope,
    trail::{BypassReason, CacheEvent},
};
use mcp_layers_test::{Answer, MockService, requests, results};
use serde_json::{Value, json};
use tower::Layer;

#[tokio::test]
async fn errors_tool_errors_elicitations_and_tasks_are_not_stored() {
    let legacy_task = json!({ "task": { "taskId": "t", "status": "working", "ttl": 60_000 } });
    let answers = [
        Answer::error(McpError::internal()),
        Answer::error(McpError::new(-32602, "no")),
        Answer::tool_error("no"),
        Answer::result(results::input_required()),
        Answer::result(results::task_created()),
        Answer::result(legacy_task),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let (service, mock, _) = service(CacheScope::Public);
        mock.push(answer.clone());
        let first = ask(&service, by("ada", call(json!({})))).await;
        assert_eq!(event(&first), Some(CacheEvent::Miss));
        assert_eq!(
            run_of(&service, by("ada", call(json!({})))).await,
            "1",
            "{number}"
        );
        // The same for a method of the protocol, with hints that promise much.
        mock.push(answer);
        ask(&service, by("ada", read("file:///a"))).await;
        assert_eq!(
            run_of(&service, by("ada", read("file:///a"))).await,
            "2",
            "{number}"
        );
        assert_eq!(mock.calls(), 4);
    }
    let mut asking = results::fresh_for(results::input_required(), 60_000, CacheScope::Public);
    let (service, mock, _) = service(CacheScope::Public);
    mock.push(asking.take());
    ask(&service, read("file:///a")).await;
    ask(&service, read("file:///a")).await;
    assert_eq!(mock.calls(), 2);
}

#[tokio::test]
async fn a_continuation_is_neither_stored_nor_answered_from_memory() {
    let (service, mock, _) = service(CacheScope::Public);
    let go_on = |request| by("ada", requests::continuation(request));
    for (plain, runs) in [
        (call(json!({})), ["1", "2", "3", "1"]),
        (read("file:///a"), ["4", "5", "6", "4"]),
    ] {
        let plain = || by("ada", plain.clone());
        let requests = [plain(), go_on(plain()), go_on(plain()), plain()];
        for (request, expected) in requests.into_iter().zip(runs) {
            assert_eq!(run_of(&service, request).await, expected);
        }
    }
    assert_eq!(mock.calls(), 6);
    let bypass = ask(&service, go_on(call(json!({})))).await;
    assert_eq!(
        event(&bypass),
        Some(CacheEvent::Bypass {
            reason: BypassReason::Continuation
        })
    );
}

#[tokio::test]
async fn an_undeclared_tool_is_never_cached() {
    let (layer, _) = layer();
    let mock = counting(CacheScope::Public);
    let service = layer
        .trust_hints(Freshness::new(MINUTE).public())
        .layer(mock.clone());
    let hints = |read_only: Option<bool>, idempotent: Option<bool>| {
        Hints::default()
            .with_read_only(read_only)
            .with_idempotent(idempotent)
    };
    let catalog = Catalog::new()
        .with_tools(["silent"])
        .with_tool_hints("reads", hints(Some(true), None))
        .with_tool_hints("repeats", hints(None, Some(true)))
        .with_tool_hints("writes", hints(Some(false), Some(true)))
        .with_tool_hints("safe", hints(Some(true), Some(true)));
    let request = |catalog: Option<&Catalog>, tool: &str| {
        let mut request = by("ada", requests::call_tool(1, tool, json!({})));
        if let Some(catalog) = catalog {
            request.context_mut().set_catalog(catalog.clone());
        }
        request
    };
    let ask_twice = async |catalog: Option<&Catalog>, tool: &str| {
        let first = run_of(&service, request(catalog, tool)).await;
        first == run_of(&service, request(catalog, tool)).await
    };
    assert!(!ask_twice(None, "safe").await, "never listed");
    for tool in ["silent", "reads", "repeats", "writes", "safe"] {
        assert_eq!(
            ask_twice(Some(&catalog), tool).await,
            tool == "safe",
            "{tool}"
        );
    }
    for tool in ["Safe", "safe ", "unheard_of"] {
        assert!(!ask_twice(Some(&catalog), tool).await, "{tool}");
    }
    // Trust is the operator's: another layer has none.
    let service = CacheLayer::new().layer(mock.clone());
    let before = mock.calls();
    for _ in 0..2 {
        ask(&service, request(Some(&catalog), "safe")).await;
    }
    assert_eq!(mock.calls(), before + 2);
}

#[tokio::test]
async fn trusted_hints_are_learned_from_lists_in_a_stack_without_a_catalog() {
    let mock = counting(CacheScope::Public);
    let annotations = json!({ "readOnlyHint": true, "idempotentHint": true });
    mock.push(json!({ "tools": [results::tool("safe", &annotations)] }));
    let service = CacheLayer::new()
        .trust_hints(Freshness::new(MINUTE).public())
        .layer(mock.clone());
    ask(&service, list()).await;
    for _ in 0..2 {
        let call = requests::call_tool(1, "safe", json!({}));
        assert_eq!(run_of(&service, call).await, "1");
    }
}

#[tokio::test]
async fn a_tool_can_be_declared_by_a_prefix_of_its_name() {
    let mock = counting(CacheScope::Public);
    let service = CacheLayer::new()
        .tool("db_*", Freshness::new(MINUTE).public())
        .unwrap()
        .tool("db_write_*", std::time::Duration::ZERO)
        .unwrap()
        .tool("db_write_log", Freshness::new(MINUTE).public())
        .unwrap()
        .layer(mock.clone());
    for (tool, is_cached) in [
        ("db_read", true),
        ("db_write_row", false),
        ("db_write_log", true),
        ("web_read", false),
    ] {
        let call = || by("ada", requests::call_tool(1, tool, json!({})));
        let first = run_of(&service, call()).await;
        assert_eq!(run_of(&service, call()).await == first, is_cached, "{tool}");
    }
    for pattern in ["", "a*b"] {
        assert!(
            CacheLayer::new().tool(pattern, MINUTE).is_err(),
            "{pattern:?}"
        );
    }
}

#[tokio::test]
async fn prompts_and_completions_are_cached_by_name() {
    let mock = MockService::new();
    let service = CacheLayer::new()
        .prompt("greet", Freshness::new(MINUTE).public())
        .completion("greet", Freshness::new(MINUTE).public())
        .layer(mock.clone());
    let complete = |value: &str| {
        requests::of(1, Method::Complete).with_params(json!({
            "ref": { "type": "ref/prompt", "name": "greet" },
            "argument": { "name": "who", "value": value },
        }))
    };
    let prompt = |name: &str, arguments: Value| requests::get_prompt(1, name, arguments);
    let asked: [(JsonRpcRequest, usize); 8] = [
        (prompt("greet", json!({ "who": "Ada" })), 1),
        (prompt("greet", json!({ "who": "Ada" })), 1),
        (prompt("greet", json!({ "who": "Bob" })), 2),
        (complete("A"), 3),
        (complete("A"), 3),
        (complete("B"), 4),
        (prompt("other", json!({})), 5),
        (prompt("other", json!({})), 6),
    ];
    for (request, calls) in asked {
        ask(&service, request).await;
        assert_eq!(mock.calls(), calls);
    }
}

#[tokio::test]
async fn a_caller_that_changes_its_answer_changes_no_other() {
    let (service, _, _) = service(CacheScope::Public);
    let expected = ask(&service, list()).await.result().unwrap().clone();
    let mut mine = ask(&service, list()).await;
    mine.visit_texts_mut(&mut |_, text| text.clear());
    mine.retain_listed(&mut |_| false);
    mine.insert_meta("com.example/mine", json!(true));
    assert_ne!(mine.result().unwrap(), &expected);
    assert_eq!(ask(&service, list()).await.result().unwrap(), &expected);
}

#[tokio::test]
async fn a_stored_answer_has_no_trail_of_its_first_request() {
    let mut answered = mcp_layers_core::JsonRpcResponse::success(
        &list(),
        results::fresh_for(results::tools(["a"]), 60_000, CacheScope::Public),
    );
    answered.trail_mut().push(mcp_layers_core::Event::Attempt {
        number: 2,
        of: 3,
        code: None,
    });
    let mock = MockService::scripted([Answer::response(answered)]);
    let service = CacheLayer::new().layer(mock);
    assert_eq!(ask(&service, list()).await.trail().events().len(), 2);
    assert_eq!(ask(&service, list()).await.trail().events().len(), 1);
}
