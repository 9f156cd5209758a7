//! The views of rmcp's results, and changes through them.
#![cfg(all(feature = "client", feature = "rmcp-3-9"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

use mcp_layers_core::{
    ListedKind, McpError, McpResponse, Method, Outcome,
    response::{CacheHint, CacheScope},
};
use mcp_layers_rmcp::RmcpResponse;
use rmcp::{
    ErrorData,
    model::{CustomResult, ElicitResult, EmptyResult, ServerResult},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A result of every kind, with this text in every place that has room for it.
fn results(s: &str) -> Vec<(ServerResult, Shape)> {
    let meta = json!({ "com.example/k": s, s: [s] });
    let icons = json!([{ "src": s, "mimeType": s, "sizes": [s] }]);
    let resource = json!({
        "uri": s, "name": s, "title": s, "description": s, "mimeType": s, "icons": icons,
        "_meta": meta,
    });
    let mut link = resource.clone();
    link["type"] = json!("resource_link");
    let embedded = json!({ "uri": s, "mimeType": s, "text": s, "_meta": meta });
    let blob = json!({ "uri": s, "mimeType": s, "blob": s, "_meta": meta });
    let content = json!([
        { "type": "text", "text": s, "_meta": meta },
        { "type": "image", "data": s, "mimeType": s, "_meta": meta },
        { "type": "audio", "data": s, "mimeType": s, "_meta": meta },
        { "type": "resource", "resource": embedded, "_meta": meta },
        { "type": "resource", "resource": blob },
        link,
    ]);
    let schema = json!({ "type": "object", "properties": { s: { "description": s } } });
    let tool = json!({
        "name": s, "title": s, "description": s, "inputSchema": schema, "outputSchema": schema,
        "annotations": { "title": s, "readOnlyHint": true, "openWorldHint": false },
        "icons": icons, "_meta": meta,
    });
    let template = json!({
        "uriTemplate": s, "name": s, "title": s, "description": s, "mimeType": s, "_meta": meta,
    });
    let prompt = json!({
        "name": s, "title": s, "description": s, "icons": icons, "_meta": meta,
        "arguments": [{ "name": s, "title": s, "description": s }],
    });
    let skill = json!({
        "uri": s,
        "frontmatter": { "name": s, "description": s, "extra": s },
        "resources": [{ "uri": s, "digest": s, "size": 1 }],
        "_meta": meta,
    });
    let messages = json!([{ "role": "user", "content": content[0] }, {
        "role": "assistant", "content": content[5],
    }]);
    let question = json!({
        "method": "elicitation/create",
        "params": {
            "message": s,
            "requestedSchema": { "type": "object", "properties": {
                s: { "type": "string", "title": s, "description": s },
            } },
        },
    });
    let server = json!({ "name": s, "title": s, "version": s, "description": s, "icons": icons });
    let capabilities = json!({ "tools": {}, "experimental": { s: { s: s } } });
    let task = |status: &str| {
        json!({
            "resultType": "complete", "taskId": s, "status": status, "statusMessage": s,
            "createdAt": s, "lastUpdatedAt": s, "ttlMs": 9, "_meta": meta,
        })
    };
    let with = |mut value: Value, key: &str, more: Value| {
        value[key] = more;
        value
    };
    let mut page = json!({ "nextCursor": s, "ttlMs": 5, "cacheScope": "public", "_meta": meta });
    page["resultType"] = json!("complete");
    let listed = |key: &str, entry: &Value| with(page.clone(), key, json!([entry, entry]));
    let called = json!({
        "resultType": "complete", "content": content, "structuredContent": { s: [s, { "n": s }] },
        "_meta": meta,
    });
    let created = with(task("working"), "resultType", json!("task"));
    let waiting = with(
        task("input_required"),
        "inputRequests",
        json!({ s: question }),
    );
    let failed = json!({ "code": 7, "message": s, "data": { s: s } });
    let failed = with(task("failed"), "error", failed);
    let completed = with(
        task("completed"),
        "result",
        json!({ "content": content, s: s }),
    );
    let hinted = json!({ "ttlMs": 5, "cacheScope": "public", "_meta": meta });
    let plain = Shape::default();
    let lists = |kind| Shape {
        hint: true,
        listed: Some(kind),
        meta: true,
        cursor: true,
        ..plain
    };
    let meta_only = Shape {
        meta: true,
        ..plain
    };
    let cached = Shape {
        hint: true,
        meta: true,
        ..plain
    };
    let of_task = Shape {
        task: true,
        meta: true,
        ..plain
    };

    vec![
        (
            ServerResult::DiscoverResult(model(json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": capabilities, "instructions": s, "ttlMs": 5,
                "cacheScope": "public",
                "_meta": with(meta.clone(), "io.modelcontextprotocol/serverInfo", server.clone()),
            }))),
            cached,
        ),
        (
            ServerResult::InitializeResult(model(json!({
                "protocolVersion": "2025-11-25", "capabilities": capabilities,
                "serverInfo": server, "instructions": s, "_meta": meta,
            }))),
            meta_only,
        ),
        (
            ServerResult::CompleteResult(model(json!({
                "resultType": "complete", "completion": { "values": [s, s] }, "_meta": meta,
            }))),
            meta_only,
        ),
        (
            ServerResult::GetPromptResult(model(json!({
                "resultType": "complete", "description": s, "messages": messages, "_meta": meta,
            }))),
            meta_only,
        ),
        (
            ServerResult::ListPromptsResult(model(listed("prompts", &prompt))),
            lists(ListedKind::Prompt),
        ),
        (
            ServerResult::ListResourcesResult(model(listed("resources", &resource))),
            lists(ListedKind::Resource),
        ),
        (
            ServerResult::ListResourceTemplatesResult(model(listed(
                "resourceTemplates",
                &template,
            ))),
            lists(ListedKind::ResourceTemplate),
        ),
        (
            ServerResult::ReadResourceResult(model(with(
                hinted.clone(),
                "contents",
                json!([embedded, blob]),
            ))),
            cached,
        ),
        (
            ServerResult::SubscriptionsListenResult(model(json!({
                "resultType": "complete",
                "_meta": with(meta.clone(), "io.modelcontextprotocol/subscriptionId", json!(1)),
            }))),
            plain,
        ),
        (
            ServerResult::ListToolsResult(model(listed("tools", &tool))),
            lists(ListedKind::Tool),
        ),
        (
            ServerResult::ListSkillsResult(model(listed("skills", &skill))),
            lists(ListedKind::Skill),
        ),
        (
            ServerResult::GetSkillResult(model(with(hinted, "skill", skill))),
            cached,
        ),
        (ServerResult::ElicitResult(elicited(s, &meta)), plain),
        (
            ServerResult::CreateTaskResult(model(created)),
            Shape {
                outcome: Some(Outcome::TaskCreated),
                ..of_task
            },
        ),
        (ServerResult::GetTaskResult(model(task("working"))), of_task),
        (ServerResult::GetTaskResult(model(waiting)), of_task),
        (ServerResult::GetTaskResult(model(completed)), of_task),
        (
            ServerResult::GetTaskResult(model(failed)),
            Shape {
                failed: true,
                ..of_task
            },
        ),
        (
            ServerResult::CallToolResult(model(called.clone())),
            meta_only,
        ),
        (
            ServerResult::CallToolResult(model(with(called, "isError", json!(true)))),
            Shape {
                outcome: Some(Outcome::ToolError),
                ..meta_only
            },
        ),
        (
            ServerResult::InputRequiredResult(model(json!({
                "resultType": "input_required", "inputRequests": { s: question },
                "requestState": s, "_meta": meta,
            }))),
            Shape {
                outcome: Some(Outcome::InputRequired),
                ..meta_only
            },
        ),
        (
            ServerResult::TaskAckResult(model(json!({ "resultType": "complete", "_meta": meta }))),
            meta_only,
        ),
        (ServerResult::EmptyResult(EmptyResult {}), plain),
        (
            ServerResult::CustomResult(CustomResult::new(json!({
                s: [s, { "n": s }], "ttlMs": 5, "cacheScope": "public",
            }))),
            cached,
        ),
    ]
}

fn elicited(s: &str, meta: &Value) -> ElicitResult {
    model(json!({ "action": "accept", "content": { s: s }, "_meta": meta }))
}

/// The view of a result.
#[derive(Debug, Clone, Copy, Default)]
struct Shape {
    outcome: Option<Outcome<'static>>,
    hint: bool,
    listed: Option<ListedKind>,
    cursor: bool,
    meta: bool,
    task: bool,
    failed: bool,
}

fn model<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn wire(response: &RmcpResponse) -> Value {
    match response.result() {
        Ok(result) => serde_json::to_value(result).unwrap(),
        Err(error) => serde_json::to_value(error).unwrap(),
    }
}

fn every_response(s: &str) -> Vec<(RmcpResponse, Shape)> {
    let results = results(s).into_iter();
    results
        .map(|(result, shape)| (RmcpResponse::new(Ok(result)), shape))
        .collect()
}

#[test]
fn every_result_shows_what_it_is() {
    for (response, shape) in every_response("text") {
        let at = wire(&response).to_string();
        let outcome = shape.outcome.unwrap_or(Outcome::Success);
        assert_eq!(response.outcome(), outcome, "{at}");
        assert_eq!(response.task_id(), shape.task.then_some("text"), "{at}");
        assert_eq!(response.task_error().is_some(), shape.failed, "{at}");
        assert_eq!(
            response.next_cursor(),
            shape.cursor.then_some("text"),
            "{at}"
        );
        let hint = CacheHint::new(Some(5), Some(CacheScope::Public));
        let hint = if shape.hint {
            hint
        } else {
            CacheHint::default()
        };
        assert_eq!(response.cache_hint(), hint, "{at}");
        let mut listed = Vec::new();
        response.visit_listed(&mut |entry| listed.push((entry.kind, entry.name.to_owned())));
        let expected = shape.listed.map(|kind| vec![(kind, "text".to_owned()); 2]);
        assert_eq!(listed, expected.unwrap_or_default(), "{at}");
    }
}

#[test]
fn no_text_of_a_result_escapes_a_visitor() {
    for (mut response, _) in every_response("se-cret") {
        let before = std::mem::discriminant(response.result().unwrap());
        let had = wire(&response).to_string().contains("se-cret");
        let empty = matches!(response.result(), Ok(ServerResult::EmptyResult(_)));
        assert_eq!(had, !empty);
        response.visit_texts_mut(&mut |_, text| *text = text.replace("se-cret", "gone"));
        let after = wire(&response).to_string();
        assert!(!after.contains("se-cret"), "{after}");
        // It is still of its own kind, so that rmcp sends it.
        assert_eq!(
            std::mem::discriminant(response.result().unwrap()),
            before,
            "{after}"
        );
    }
}

#[test]
fn a_visitor_that_changes_nothing_changes_nothing() {
    for (mut response, _) in every_response("text") {
        let before = wire(&response);
        response.visit_texts_mut(&mut |_, _| {});
        assert_eq!(wire(&response), before);
    }
}

#[test]
fn the_texts_of_an_error_are_visited() {
    let data = json!({ "se-cret": ["se-cret"] });
    let error = ErrorData::internal_error("a se-cret", Some(data));
    let mut response = RmcpResponse::new(Err(error));
    response.visit_texts_mut(&mut |_, text| *text = text.replace("se-cret", "gone"));
    let expected = json!({ "code": -32603, "message": "a gone", "data": { "gone": ["gone"] } });
    assert_eq!(wire(&response), expected);
}

#[test]
fn a_caching_hint_is_set_where_a_result_carries_one() {
    for (mut response, shape) in every_response("text") {
        let hint = CacheHint::new(Some(3), Some(CacheScope::Private));
        let before = wire(&response);
        assert_eq!(response.set_cache_hint(hint), shape.hint);
        let mut expected = before;
        if shape.hint {
            expected["ttlMs"] = json!(3);
            expected["cacheScope"] = json!("private");
        }
        assert_eq!(wire(&response), expected);
    }
}

#[test]
fn meta_is_set_where_a_result_carries_it() {
    for (mut response, shape) in every_response("text") {
        let before = wire(&response);
        let set = response.insert_meta("com.example/id", json!(7));
        assert_eq!(set, shape.meta, "{before}");
        let mut expected = before;
        if set {
            expected["_meta"]["com.example/id"] = json!(7);
        }
        assert_eq!(wire(&response), expected);
    }
}

#[test]
fn entries_of_a_list_are_taken_out() {
    for (mut response, shape) in every_response("text") {
        let mut keep = false;
        let gone = response.retain_listed(&mut |_| {
            keep = !keep;
            keep
        });
        assert_eq!(gone, usize::from(shape.listed.is_some()));
        let mut left = 0;
        response.visit_listed(&mut |_| left += 1);
        assert_eq!(left, usize::from(shape.listed.is_some()));
    }
}

#[test]
fn the_size_is_that_of_the_json() {
    for (response, _) in every_response("text \"quoted\"") {
        let real = wire(&response).to_string().len();
        assert_eq!(response.size_estimate(), real);
        let mut written = b"before ".to_vec();
        response.write_json(&mut written);
        let written = written.strip_prefix(b"before ").unwrap();
        let written: Value = serde_json::from_slice(written).unwrap();
        assert_eq!(written, wire(&response));
    }
}

#[test]
fn a_result_that_was_written_is_read_back_as_the_same_bytes() {
    use mcp_layers_core::StoredResponse;
    let mut typed = 0;
    for (response, _) in every_response("text \"quoted\"") {
        let Ok(result) = response.result() else {
            continue;
        };
        let method = match result {
            ServerResult::DiscoverResult(_) => Method::Discover,
            ServerResult::ListToolsResult(_) => Method::ListTools,
            ServerResult::CallToolResult(_) => Method::CallTool,
            ServerResult::ListResourcesResult(_) => Method::ListResources,
            ServerResult::ListResourceTemplatesResult(_) => Method::ListResourceTemplates,
            ServerResult::ReadResourceResult(_) => Method::ReadResource,
            ServerResult::ListPromptsResult(_) => Method::ListPrompts,
            ServerResult::GetPromptResult(_) => Method::GetPrompt,
            ServerResult::CompleteResult(_) => Method::Complete,
            _ => Method::Other("vendor/thing"),
        };
        let mut written = Vec::new();
        response.write_json(&mut written);
        let read = RmcpResponse::from_json((), method, &written).unwrap();
        let mut again = Vec::new();
        read.write_json(&mut again);
        let value = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
        assert_eq!(value(&again), value(&written), "{method}");
        // What is kept as a value has its keys in the order of `serde_json`'s map, which is that of
        // insertion only where something in the build asks for it.
        if method.known().is_some() || value(&written).to_string().as_bytes() == written {
            assert_eq!(
                String::from_utf8(again).unwrap(),
                String::from_utf8(written).unwrap()
            );
        }
        if method.known().is_some() {
            typed += 1;
            let kind = std::mem::discriminant(read.result().unwrap());
            assert_eq!(kind, std::mem::discriminant(result), "{method}");
        }
    }
    assert!(typed >= 9, "{typed}");
    assert!(RmcpResponse::from_json((), Method::ListTools, b"{").is_none());
}

#[test]
fn the_error_of_a_failed_task_is_replaced_with_its_status() {
    for (mut response, shape) in every_response("disk full") {
        let error = McpError::public(7, "masked").with("id", "e-1");
        assert_eq!(response.set_task_error(error), shape.failed);
        if shape.failed {
            let wire = wire(&response);
            let expected = json!({ "code": 7, "message": "masked", "data": { "id": "e-1" } });
            assert_eq!(wire["error"], expected);
            assert_eq!(wire["statusMessage"], "masked");
            assert_eq!(
                response.task_error().unwrap().data,
                Some(json!({ "id": "e-1" }))
            );
        }
    }
}

#[test]
fn an_error_keeps_whether_it_is_public() {
    for public in [false, true] {
        let make = if public {
            McpError::public
        } else {
            McpError::new
        };
        let error = make(7, "text").with_data(json!([1]));
        let response = RmcpResponse::from_error((), error.clone());
        assert_eq!(response.into_error().unwrap(), error);
    }
    assert!(
        RmcpResponse::from_tool_error((), String::new())
            .into_error()
            .is_err()
    );
}

#[test]
fn structured_content_is_changed_in_place() {
    let result = json!({ "content": [], "structuredContent": { "password": "hunter2" } });
    for custom in [false, true] {
        let result = if custom {
            ServerResult::CustomResult(CustomResult(result.clone()))
        } else {
            ServerResult::CallToolResult(serde_json::from_value(result.clone()).unwrap())
        };
        let mut response = RmcpResponse::new(Ok(result));
        response.structured_content_mut().unwrap()["password"] = json!("***");
        let sent = serde_json::to_value(response.result().unwrap()).unwrap();
        assert_eq!(sent["structuredContent"], json!({ "password": "***" }));
    }
    let mut empty = RmcpResponse::new(Ok(ServerResult::EmptyResult(EmptyResult {})));
    assert!(empty.structured_content_mut().is_none());
}
