//! The view that layers have of a JSON-RPC response, their changes to it, and the message sent.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use mcp_layers_core::{
    Event, JsonRpcRequest, JsonRpcResponse, Listed, ListedKind, McpError, McpRequest, McpResponse,
    Method, Outcome, StoredResponse,
    response::{CacheHint, CacheScope, TextSite},
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn request() -> JsonRpcRequest {
    JsonRpcRequest::new(1, "tools/call")
}

fn success(result: Value) -> JsonRpcResponse {
    JsonRpcResponse::success(&request(), result)
}

fn sent(response: &JsonRpcResponse) -> Value {
    Value::from(response)
}

fn texts(mut response: JsonRpcResponse) -> Vec<(TextSite, String)> {
    let mut texts = Vec::new();
    response.visit_texts_mut(&mut |site, text| texts.push((site, text.clone())));
    texts
}

#[test]
fn outcomes_are_told_apart() {
    for (result, expected) in [
        (json!({}), Outcome::Success),
        (json!({"content": [], "isError": false}), Outcome::Success),
        (json!({"isError": "true"}), Outcome::Success),
        (json!({"content": [], "isError": true}), Outcome::ToolError),
        (
            json!({"resultType": "complete", "isError": true}),
            Outcome::ToolError,
        ),
        (
            json!({"resultType": "input_required"}),
            Outcome::InputRequired,
        ),
        (
            json!({"resultType": "task", "taskId": "t"}),
            Outcome::TaskCreated,
        ),
        (
            json!({"task": {"taskId": "t", "status": "working"}}),
            Outcome::TaskCreated,
        ),
        (
            json!({"content": [], "task": {"taskId": "t"}}),
            Outcome::Success,
        ),
        (
            json!({"resultType": "complete", "task": {"taskId": "t"}}),
            Outcome::Success,
        ),
        (json!({"task": "t"}), Outcome::Success),
        (json!({"resultType": "vendor"}), Outcome::Success),
        (json!([1]), Outcome::Success),
        (json!(null), Outcome::Success),
    ] {
        assert_eq!(success(result.clone()).outcome(), expected, "{result}");
    }
    let error = McpError::new(7, "seven").with_data(json!([7]));
    let response = JsonRpcResponse::error(&request(), error);
    let outcome = Outcome::Protocol {
        code: 7,
        message: "seven",
        data: Some(&json!([7])),
    };
    assert_eq!(response.outcome(), outcome);
    assert_eq!(response.outcome().code(), Some(7));
}

#[test]
fn what_is_sent_reads_back_as_it_was() {
    let result = json!({"content": [{"type": "text", "text": "\u{0}\"\u{2028}"}], "x": 1.5});
    assert_eq!(
        sent(&success(result.clone())),
        json!({"jsonrpc": "2.0", "id": 1, "result": result})
    );
    let request = JsonRpcRequest::new("a", "ping");
    let error = McpError::rate_limited(Duration::from_millis(1_500));
    assert_eq!(
        sent(&JsonRpcResponse::error(&request, error)),
        json!({"jsonrpc": "2.0", "id": "a", "error": {
            "code": 429,
            "message": "Too many requests: try again in 2 s",
            "data": {"reason": "rate_limited", "retryAfterMs": 1_500},
        }})
    );
    let bare = JsonRpcResponse::error(&request, McpError::internal());
    assert_eq!(
        sent(&bare)["error"],
        json!({"code": -32603, "message": "Internal error"})
    );
}

#[test]
fn a_trail_is_never_sent() {
    let mut response = success(json!({}));
    let before = sent(&response);
    response.trail_mut().push(Event::Failed {
        cause: "secret".into(),
    });
    assert_eq!(sent(&response), before);
}

#[test]
fn a_tool_error_follows_the_version_of_its_request() {
    let legacy = JsonRpcResponse::from_tool_error(request().reply_to(), "no".to_owned());
    assert_eq!(legacy.outcome(), Outcome::ToolError);
    let content = json!([{"type": "text", "text": "no"}]);
    assert_eq!(
        legacy.result(),
        Ok(&json!({"content": content, "isError": true}))
    );
    let modern = request().with_protocol_version("2026-07-28").reply_to();
    let modern = JsonRpcResponse::from_tool_error(modern, "no".to_owned());
    assert_eq!(modern.result().unwrap()["resultType"], "complete");
}

#[test]
fn another_request_gets_the_same_answer_under_its_own_id() {
    let other = JsonRpcRequest::new("b", "ping");
    let response = success(json!({"a": 1})).readdress(other.reply_to());
    assert_eq!(
        sent(&response),
        json!({"jsonrpc": "2.0", "id": "b", "result": {"a": 1}})
    );
}

#[test]
fn an_error_is_taken_out_with_the_public_mark_of_the_trail() {
    assert!(success(json!({})).into_error().is_err());
    let error = McpError::forbidden();
    let mut response = JsonRpcResponse::error(&request(), error.clone());
    assert!(response.trail().is_public());
    assert_eq!(response.clone().into_error().unwrap(), error);
    response.trail_mut().set_public(false);
    assert!(!response.into_error().unwrap().is_public());
    let internal = JsonRpcResponse::error(&request(), McpError::new(1, "db"));
    assert!(!internal.trail().is_public());
}

#[test]
fn a_clone_costs_no_allocation_and_is_not_changed_with_the_original() {
    let response = success(json!({"tools": [{"name": "a"}, {"name": "b"}]}));
    let mut copy = None;
    let cost = allocation_counter::measure(|| copy = Some(response.clone()));
    assert_eq!(cost.count_total, 0);
    let mut copy = copy.unwrap();
    let before = sent(&response);
    copy.retain_listed(&mut |_| false);
    copy.insert_meta("example.com/a", json!(1));
    copy.visit_texts_mut(&mut |_, text| text.clear());
    assert_eq!(sent(&response), before);
    assert_ne!(sent(&copy), before);
}

#[test]
fn entries_of_every_list_are_shown_by_the_target_of_a_request_for_them() {
    for (list, field, kind) in [
        ("tools", "name", ListedKind::Tool),
        ("resources", "uri", ListedKind::Resource),
        (
            "resourceTemplates",
            "uriTemplate",
            ListedKind::ResourceTemplate,
        ),
        ("prompts", "name", ListedKind::Prompt),
        ("skills", "uri", ListedKind::Skill),
        ("tasks", "taskId", ListedKind::Task),
    ] {
        let response = success(json!({list: [{field: "x"}, {"title": "y"}, 1]}));
        let mut seen = Vec::new();
        response.visit_listed(&mut |entry| seen.push((entry.kind, entry.name.to_owned())));
        let expected = ["x", "", ""].map(|name| (kind, name.to_owned()));
        assert_eq!(seen, expected);
    }
}

#[test]
fn a_list_keeps_what_it_is_told_and_asks_once_about_each_entry() {
    let all = || {
        success(
            json!({"tools": (0..6).map(|n| json!({"name": n.to_string()})).collect::<Value>(), "nextCursor": "c"}),
        )
    };
    for goes in [
        &[][..],
        &["0"],
        &["5"],
        &["1", "3"],
        &["0", "1", "2", "3", "4", "5"],
    ] {
        let mut response = all();
        let mut asked = Vec::new();
        let gone = response.retain_listed(&mut |entry: Listed<'_>| {
            asked.push(entry.name.to_owned());
            !goes.contains(&entry.name)
        });
        assert_eq!(asked, ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(gone, goes.len());
        let mut left = Vec::new();
        response.visit_listed(&mut |entry| left.push(entry.name.to_owned()));
        asked.retain(|name| !goes.contains(&name.as_str()));
        assert_eq!(left, asked);
        assert_eq!(response.next_cursor(), Some("c"));
    }
    let mut error = JsonRpcResponse::error(&request(), McpError::internal());
    assert_eq!(error.retain_listed(&mut |_| false), 0);
}

#[test]
fn a_list_that_stays_whole_is_not_copied() {
    let response = success(json!({"tools": [{"name": "a"}]}));
    let mut shared = response.clone();
    let cost = allocation_counter::measure(|| {
        shared.retain_listed(&mut |_| true);
    });
    assert_eq!(cost.count_total, 0);
}

#[test]
fn texts_are_visited_by_where_they_stand() {
    let seen = texts(success(json!({
        "content": [{"text": "content"}],
        "messages": ["message"],
        "structuredContent": {"key": "structured"},
        "contents": ["resource"],
        "_meta": {"a": "other"},
    })));
    for (site, text) in [
        (TextSite::Content, "content"),
        (TextSite::Content, "message"),
        (TextSite::Structured, "key"),
        (TextSite::Structured, "structured"),
        (TextSite::Resource, "resource"),
        (TextSite::Other, "other"),
    ] {
        assert!(seen.contains(&(site, text.to_owned())), "{seen:?}");
    }
    let error = McpError::new(1, "message").with("key", "data");
    let seen = texts(JsonRpcResponse::error(&request(), error));
    let expected = [
        (TextSite::ErrorMessage, "message"),
        (TextSite::ErrorData, "key"),
        (TextSite::ErrorData, "data"),
    ];
    assert_eq!(seen, expected.map(|(site, text)| (site, text.to_owned())));
}

#[test]
fn texts_of_tasks_are_visited_in_every_shape() {
    let task = json!({"taskId": "t", "statusMessage": "status", "error": {"message": "error"}});
    for result in [
        task.clone(),
        json!({"task": task}),
        json!({"tasks": [task]}),
    ] {
        let seen = texts(success(result));
        for text in ["status", "error"] {
            assert!(
                seen.contains(&(TextSite::Task, text.to_owned())),
                "{seen:?}"
            );
        }
        assert!(
            seen.contains(&(TextSite::Other, "t".to_owned())),
            "{seen:?}"
        );
    }
    let seen = texts(success(
        json!({"taskId": "t", "result": {"content": ["c"]}}),
    ));
    assert!(
        seen.contains(&(TextSite::Content, "c".to_owned())),
        "{seen:?}"
    );
}

#[test]
fn every_text_that_is_visited_is_changed() {
    for result in [
        json!({"content": [{"secret": "a secret"}], "x": {"y": ["secret"]}}),
        json!({"taskId": "t", "statusMessage": "secret", "result": "secret", "error": "secret"}),
        json!({"tasks": "secret", "task": ["secret"]}),
        json!(["secret", {"a": "secret"}]),
        json!("secret"),
    ] {
        let mut response = success(result);
        response.visit_texts_mut(&mut |_, text| *text = text.replace("secret", "***"));
        assert!(
            !sent(&response).to_string().contains("secret"),
            "{response:?}"
        );
    }
}

#[test]
fn the_error_of_a_failed_task_is_seen_and_replaced() {
    let mut response = success(json!({
        "taskId": "t", "status": "failed", "statusMessage": "secret",
        "error": {"code": -32001, "message": "secret", "data": {"a": "secret"}},
    }));
    let error = response.task_error().unwrap();
    assert_eq!((error.code, &*error.message), (-32001, "secret"));
    assert!(!error.is_public());
    assert!(response.set_task_error(McpError::internal()));
    let result = json!({
        "taskId": "t", "status": "failed", "statusMessage": "Internal error",
        "error": {"code": -32603, "message": "Internal error"},
    });
    assert_eq!(response.result(), Ok(&result));
}

#[test]
fn a_failed_task_with_a_status_message_alone_has_an_error_too() {
    let mut response =
        success(json!({"taskId": "t", "status": "failed", "statusMessage": "secret"}));
    let error = response.task_error().unwrap();
    assert_eq!((error.code, &*error.message), (-32603, "secret"));
    assert!(response.set_task_error(McpError::internal()));
    let result = json!({"taskId": "t", "status": "failed", "statusMessage": "Internal error"});
    assert_eq!(response.result(), Ok(&result));
}

#[test]
fn a_task_that_did_not_fail_has_no_error() {
    for result in [
        json!({"taskId": "t", "status": "working", "statusMessage": "m"}),
        json!({"taskId": "t", "status": "failed"}),
        json!({"taskId": "t", "status": 1, "error": {}}),
        json!({"error": {"code": 1}}),
        json!([]),
    ] {
        let mut response = success(result.clone());
        assert_eq!(response.task_error(), None, "{result}");
        assert!(!response.set_task_error(McpError::internal()));
        assert_eq!(response.result(), Ok(&result));
    }
    let odd = json!({"status": "failed", "error": {"code": i64::MAX, "message": 1}});
    let error = success(odd).task_error().unwrap();
    assert_eq!((error.code, &*error.message), (-32603, ""));
}

#[test]
fn a_task_is_known_by_its_id() {
    assert_eq!(success(json!({"taskId": "t"})).task_id(), Some("t"));
    assert_eq!(
        success(json!({"task": {"taskId": "t"}})).task_id(),
        Some("t")
    );
    assert_eq!(success(json!({"taskId": 1})).task_id(), None);
    assert_eq!(success(json!({"content": []})).task_id(), None);
}

#[test]
fn a_caching_hint_is_read_as_far_as_it_is_one() {
    for (ttl, expected) in [
        (json!(0), Some(0)),
        (json!(60_000), Some(60_000)),
        (json!(u64::MAX), Some(u64::MAX)),
        (json!(-1), Some(0)),
        (json!(i64::MIN), Some(0)),
        (json!(-0.5), Some(0)),
        (json!(-1e300), Some(0)),
        (json!(1.5), None),
        (json!(1e300), None),
        (json!("60000"), None),
        (json!(null), None),
        (json!([1]), None),
    ] {
        let response = success(json!({"ttlMs": ttl}));
        assert_eq!(response.cache_hint().ttl_ms, expected, "{ttl}");
    }
    for (scope, expected) in [
        (json!("public"), Some(CacheScope::Public)),
        (json!("private"), Some(CacheScope::Private)),
        (json!("PUBLIC"), None),
        (json!(1), None),
    ] {
        let response = success(json!({"cacheScope": scope}));
        assert_eq!(response.cache_hint(), CacheHint::new(None, expected));
    }
}

#[test]
fn the_ttl_of_a_task_is_no_caching_hint() {
    let mut task = success(json!({"taskId": "t", "ttlMs": 1, "cacheScope": "public"}));
    assert_eq!(task.cache_hint(), CacheHint::default());
    assert!(!task.set_cache_hint(CacheHint::new(Some(1), None)));
    assert_eq!(task.result().unwrap()["ttlMs"], 1);
}

#[test]
fn a_caching_hint_is_replaced_as_a_whole() {
    let mut response = success(json!({"ttlMs": "x", "cacheScope": "public", "a": 1}));
    let hint = CacheHint::new(Some(5), Some(CacheScope::Private));
    assert!(response.set_cache_hint(hint));
    assert_eq!(response.cache_hint(), hint);
    assert!(response.set_cache_hint(CacheHint::default()));
    assert_eq!(response.result(), Ok(&json!({"a": 1})));
    let mut error = JsonRpcResponse::error(&request(), McpError::internal());
    assert!(!error.set_cache_hint(hint));
}

#[test]
fn meta_is_set_where_the_response_can_carry_it() {
    let mut response = success(json!({"_meta": {"a": 1}}));
    assert!(response.insert_meta("example.com/b", json!(2)));
    assert_eq!(
        response.result(),
        Ok(&json!({"_meta": {"a": 1, "example.com/b": 2}}))
    );
    let mut bare = success(json!({}));
    assert!(bare.insert_meta("example.com/b", json!(2)));
    assert_eq!(bare.result(), Ok(&json!({"_meta": {"example.com/b": 2}})));
    for result in [json!({"_meta": 1}), json!([]), json!(null)] {
        let mut odd = success(result.clone());
        assert!(!odd.insert_meta("example.com/b", json!(2)));
        assert_eq!(odd.result(), Ok(&result));
    }
    let mut error = JsonRpcResponse::error(&request(), McpError::internal());
    assert!(!error.insert_meta("example.com/b", json!(2)));
    assert_eq!(sent(&error)["error"].get("_meta"), None);
}

#[test]
fn the_size_is_close_to_what_is_sent() {
    let large = success(json!({"content": [{"type": "text", "text": "a".repeat(10_000)}]}));
    let real = sent(&large).to_string().len();
    assert!(large.size_estimate().abs_diff(real) < 100);
    let error = JsonRpcResponse::error(&request(), McpError::new(1, "a".repeat(10_000)));
    assert!(error.size_estimate() > 10_000);
}

#[test]
fn the_result_or_the_error_is_written_as_it_is_sent() {
    let result = success(json!({"content": [], "_meta": {"a/b": 1}}));
    let error = JsonRpcResponse::error(&request(), McpError::unavailable());
    for (response, member) in [(result, "result"), (error, "error")] {
        let mut written = b"before ".to_vec();
        response.write_json(&mut written);
        let written = written.strip_prefix(b"before ").unwrap();
        let written: Value = serde_json::from_slice(written).unwrap();
        assert_eq!(written, sent(&response)[member]);
    }
}

#[test]
fn a_result_that_was_written_is_read_back_for_another_request() {
    let stored = success(json!({ "content": [{ "type": "text", "text": "a" }], "ttlMs": 7 }));
    let mut written = Vec::new();
    stored.write_json(&mut written);
    let other = JsonRpcRequest::new("other", "tools/call");
    let read = JsonRpcResponse::from_json(other.reply_to(), Method::CallTool, &written).unwrap();
    let expected = sent(&stored.readdress(other.reply_to()));
    assert_eq!(sent(&read).to_string(), expected.to_string());
    for garbage in [&b""[..], b"{", b"\xff", b"{} {}"] {
        let read = JsonRpcResponse::from_json(other.reply_to(), Method::CallTool, garbage);
        assert!(read.is_none());
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "failed|task|complete|public|a".prop_map(Value::from),
    ];
    let key = "taskId|task|tasks|tools|name|status|statusMessage|error|code|ttlMs|cacheScope|_meta|resultType|content|result|isError";
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_result_of_a_server_makes_a_view_panic(result in any_json()) {
        let mut response = success(result);
        let _ = (response.outcome(), response.task_id(), response.next_cursor());
        let _ = (response.cache_hint(), response.size_estimate());
        response.set_cache_hint(CacheHint::new(Some(1), Some(CacheScope::Public)));
        response.insert_meta("example.com/a", json!(1));
        prop_assert_eq!(response.task_error().is_some(), response.set_task_error(McpError::internal()));
        if let Some(error) = response.task_error() {
            prop_assert_eq!(&*error.message, "Internal error");
        }
        response.retain_listed(&mut |_| false);
        response.visit_listed(&mut |_| panic!("nothing is left"));
        response.visit_texts_mut(&mut |_, text| text.clear());
    }
}

#[test]
fn every_failed_task_of_a_list_is_seen_and_replaced() {
    let mut response = success(json!({ "tasks": [
        { "taskId": "1", "status": "working", "statusMessage": "half" },
        { "taskId": "2", "status": "failed", "statusMessage": "secret two" },
        { "taskId": "3", "status": "failed", "error": { "code": 5, "message": "secret three" } },
    ] }));
    let first = response.task_error().unwrap();
    assert_eq!(first.message, "secret two");
    assert!(response.set_task_error(McpError::internal()));
    assert!(!sent(&response).to_string().contains("secret"));
    assert_eq!(
        sent(&response)["result"]["tasks"][0]["statusMessage"],
        "half"
    );
    assert!(success(json!({ "tasks": [] })).task_error().is_none());
}

#[test]
fn structured_content_is_changed_in_place_and_not_in_a_clone() {
    let mut response = success(json!({ "structuredContent": { "password": "hunter2" } }));
    let before = response.clone();
    response.structured_content_mut().unwrap()["password"] = json!("***");
    let of = |response: &JsonRpcResponse| sent(response)["result"]["structuredContent"].clone();
    assert_eq!(of(&response), json!({ "password": "***" }));
    assert_eq!(of(&before), json!({ "password": "hunter2" }));
    assert!(success(json!({})).structured_content_mut().is_none());
}
