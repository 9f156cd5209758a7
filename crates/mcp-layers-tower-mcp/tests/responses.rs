//! The views of tower-mcp's responses, against the JSON that is sent.
#![allow(clippy::unwrap_used)]

use mcp_layers_core::{
    JsonRpcRequest, JsonRpcResponse, McpError, McpResponse, Outcome,
    response::{CacheHint, CacheScope},
};
use mcp_layers_tower_mcp::TowerMcpResponse;
use serde_json::{Value, json};
use tower_mcp::{
    JsonRpcError, RouterResponse,
    protocol::{McpResponse as R, RequestId},
};

fn response(result: R) -> TowerMcpResponse {
    TowerMcpResponse::new(RouterResponse {
        id: RequestId::Number(1),
        inner: Ok(result),
    })
}

fn wire(response: &TowerMcpResponse) -> Value {
    serde_json::to_value(response.inner().clone().into_jsonrpc()).unwrap()
}

fn parsed<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// One result of every type that has content; every free text in it holds `secret`.
fn results() -> Vec<R> {
    let meta = json!({"com.example/secret": "secret"});
    let icons = json!([{"src": "secret:icon", "mimeType": "secret", "sizes": ["secret"]}]);
    let resource =
        json!({"uri": "secret:a", "mimeType": "secret", "text": "secret", "_meta": meta});
    let content = json!([
        {"type": "text", "text": "a secret", "_meta": meta},
        {"type": "image", "data": "AAAA", "mimeType": "secret", "_meta": meta},
        {"type": "audio", "data": "AAAA", "mimeType": "secret", "_meta": meta},
        {"type": "resource", "resource": resource, "_meta": meta,
         "annotations": {"lastModified": "secret"}},
        {"type": "resource_link", "uri": "secret:b", "name": "secret", "title": "secret",
         "description": "secret", "mimeType": "secret", "icons": icons, "_meta": meta},
    ]);
    let arguments = json!([{"name": "secret", "description": "secret"}]);
    let call = json!({
        "content": content, "structuredContent": {"secret": ["secret"]}, "isError": true,
        "_meta": meta,
    });
    let entry = json!({
        "name": "a secret", "title": "secret", "description": "secret", "uri": "secret:a",
        "uriTemplate": "secret:{a}", "mimeType": "secret", "icons": icons, "arguments": arguments,
        "inputSchema": {"type": "object", "title": "secret"},
        "outputSchema": {"type": "object", "title": "secret"},
        "annotations": {"title": "secret", "lastModified": "secret", "readOnlyHint": true,
                        "destructiveHint": false, "openWorldHint": true},
        "_meta": meta,
    });
    let list = |name: &str| {
        json!({name: [entry, {"name": "b", "uri": "b:b", "uriTemplate": "b:{b}", "inputSchema": {}}],
               "nextCursor": "secret", "ttlMs": 5, "cacheScope": "public", "_meta": meta})
    };
    let requests = json!({"secret": {"method": "elicitation/create", "params": {
        "mode": "url", "elicitationId": "secret", "message": "secret", "url": "secret:a"}}});
    let task = |more: Value| {
        let mut task = json!({
            "taskId": "a secret", "statusMessage": "secret", "createdAt": "secret",
            "lastUpdatedAt": "secret", "ttl": null, "ttlMs": 5, "_meta": meta,
            "resultType": "complete",
        });
        let more = more.as_object().unwrap().clone();
        task.as_object_mut().unwrap().extend(more);
        task
    };
    let failed = json!({"status": "failed",
        "error": {"code": -32603, "message": "secret", "data": {"secret": "secret"}}});
    let completed = json!({"status": "completed", "result": call});
    let info = json!({"name": "secret", "version": "secret", "title": "secret"});
    let created = json!({"status": "working", "resultType": "task"});
    vec![
        R::CallTool(parsed(call.clone())),
        R::ListTools(parsed(list("tools"))),
        R::ListResources(parsed(list("resources"))),
        R::ListResourceTemplates(parsed(list("resourceTemplates"))),
        R::ListPrompts(parsed(list("prompts"))),
        R::ReadResource(parsed(json!({
            "contents": [resource], "ttlMs": 5, "cacheScope": "private", "_meta": meta}))),
        R::GetPrompt(parsed(json!({
            "description": "secret", "_meta": meta,
            "messages": [{"role": "user", "content": content[0], "_meta": meta}]}))),
        R::Complete(parsed(
            json!({"completion": {"values": ["secret"]}, "_meta": meta}),
        )),
        R::Initialize(parsed(json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": info,
            "instructions": "secret", "_meta": meta}))),
        R::Discover(parsed(json!({
            "supportedVersions": ["2026-07-28"], "capabilities": {}, "instructions": "secret",
            "ttlMs": 5, "cacheScope": "public",
            "_meta": {"io.modelcontextprotocol/serverInfo": info}}))),
        R::InputRequired(parsed(json!({
            "resultType": "input_required", "inputRequests": requests, "requestState": "secret",
            "_meta": meta}))),
        R::GetTaskInfo(parsed(task(failed.clone()))),
        R::GetTaskInfo(parsed(task(json!({"status": "failed"})))),
        R::GetTaskInfo(parsed(task(completed.clone()))),
        R::CreateTask(tower_mcp::CreateTaskResult::new(parsed(task(
            json!({"status": "working"}),
        )))),
        R::FinalCreateTask(parsed(task(created))),
        R::FinalGetTask(parsed(task(failed))),
        R::FinalGetTask(parsed(task(completed))),
        R::FinalGetTask(parsed(task(json!({"status": "working"})))),
        R::FinalGetTask(parsed(task(json!({"status": "cancelled"})))),
        R::FinalGetTask(parsed(task(
            json!({"status": "input_required", "inputRequests": requests}),
        ))),
        R::FinalTaskAck(parsed(json!({"resultType": "complete", "_meta": meta}))),
        R::SubscriptionsAccepted(parsed(json!({
            "notifications": {"resourceSubscriptions": ["secret:a"], "taskIds": ["secret"]}}))),
        R::SubscriptionsListen(parsed(json!({
            "resultType": "complete",
            "_meta": {"io.modelcontextprotocol/subscriptionId": "secret",
                      "io.modelcontextprotocol/serverInfo": info}}))),
        R::Raw(list("tools")),
        R::Raw(list("skills")),
        R::Raw(json!({"tasks": [task(json!({"status": "failed"}))]})),
        R::Pong(Default::default()),
        R::Empty(Default::default()),
    ]
}

#[test]
fn every_view_is_that_of_the_json_that_is_sent() {
    for result in results() {
        let typed = response(result);
        let sent = wire(&typed)["result"].take();
        let plain = JsonRpcResponse::success(&JsonRpcRequest::new(1, "x"), sent.clone());
        assert_eq!(typed.outcome(), plain.outcome(), "{sent}");
        assert_eq!(typed.next_cursor(), plain.next_cursor(), "{sent}");
        assert_eq!(typed.cache_hint(), plain.cache_hint(), "{sent}");
        assert_eq!(typed.task_id(), plain.task_id(), "{sent}");
        assert_eq!(typed.request_state(), plain.request_state(), "{sent}");
        assert_eq!(listed(&typed), listed(&plain), "{sent}");
        // The neutral response of core knows no failed task without an error.
        if sent.get("error").is_some() {
            assert_eq!(typed.task_error(), plain.task_error(), "{sent}");
        }
        let (size, real) = (typed.size_estimate(), wire(&typed).to_string().len());
        assert!(size.abs_diff(real) < 40 + real / 3, "{size} {real} {sent}");
        assert_eq!(written(&typed), sent);
    }
}

fn written<T: McpResponse>(response: &T) -> Value {
    let mut out = Vec::new();
    response.write_json(&mut out);
    serde_json::from_slice(&out).unwrap()
}

fn listed<T: McpResponse>(response: &T) -> Vec<String> {
    let mut seen = Vec::new();
    response.visit_listed(&mut |entry| {
        seen.push(format!("{:?} {} {:?}", entry.kind, entry.name, entry.hints));
    });
    seen
}

#[test]
fn a_result_that_was_written_is_read_back_as_the_same_bytes() {
    use mcp_layers_core::{Method, StoredResponse};
    let mut typed = 0;
    for result in results() {
        let method = match &result {
            R::ListTools(_) => Method::ListTools,
            R::CallTool(_) => Method::CallTool,
            R::ListResources(_) => Method::ListResources,
            R::ListResourceTemplates(_) => Method::ListResourceTemplates,
            R::ReadResource(_) => Method::ReadResource,
            R::ListPrompts(_) => Method::ListPrompts,
            R::GetPrompt(_) => Method::GetPrompt,
            R::Complete(_) => Method::Complete,
            _ => continue,
        };
        typed += 1;
        let stored = response(result);
        let mut bytes = Vec::new();
        stored.write_json(&mut bytes);
        let read = TowerMcpResponse::from_json(RequestId::Number(1), method, &bytes).unwrap();
        assert_eq!(
            wire(&read).to_string(),
            wire(&stored).to_string(),
            "{method}"
        );
    }
    assert!(typed >= 8, "{typed}");
    assert!(TowerMcpResponse::from_json(RequestId::Number(1), Method::ListTools, b"{").is_none());
}

#[test]
fn every_text_of_every_result_can_be_scrubbed() {
    for result in results() {
        let mut scrubbed = response(result);
        let before = wire(&scrubbed).to_string();
        let outcome = format!("{:?}", scrubbed.outcome());
        scrubbed.visit_texts_mut(&mut |_, text| *text = text.replace("secret", "hidden"));
        let after = wire(&scrubbed).to_string();
        assert!(!after.contains("secret"), "{after}");
        assert_eq!(after, before.replace("secret", "hidden"));
        assert_eq!(format!("{:?}", scrubbed.outcome()), outcome);
    }
}

#[test]
fn a_visit_that_changes_nothing_keeps_the_type() {
    for result in results() {
        let is_raw = matches!(result, R::Raw(_));
        let mut visited = response(result);
        let before = wire(&visited);
        visited.visit_texts_mut(&mut |_, _| {});
        assert_eq!(wire(&visited), before);
        let inner = visited.inner().inner.as_ref().unwrap();
        assert_eq!(matches!(inner, R::Raw(_)), is_raw, "{before}");
    }
}

#[test]
fn every_text_of_an_error_can_be_scrubbed() {
    let error = JsonRpcError::internal_error("secret").with_data(json!({"secret": ["secret"]}));
    let mut scrubbed = TowerMcpResponse::new(RouterResponse {
        id: RequestId::Number(1),
        inner: Err(error),
    });
    scrubbed.visit_texts_mut(&mut |_, text| *text = text.replace("secret", "hidden"));
    assert!(!wire(&scrubbed).to_string().contains("secret"));
}

#[test]
fn entries_go_from_every_kind_of_list() {
    for result in results() {
        let mut filtered = response(result);
        let count = listed(&filtered).len();
        let gone = filtered.retain_listed(&mut |entry| entry.name.contains("secret"));
        let left = listed(&filtered);
        assert_eq!(left.len() + gone, count);
        assert!(left.iter().all(|entry| entry.contains("secret")));
        assert!(count < 2 || gone == 1);
    }
}

#[test]
fn hints_and_metadata_stand_where_they_are_sent() {
    let hint = CacheHint::new(Some(9), Some(CacheScope::Private));
    for result in results() {
        let mut changed = response(result);
        if changed.set_cache_hint(hint) {
            assert_eq!(changed.cache_hint(), hint);
            let sent = wire(&changed);
            assert_eq!(sent["result"]["ttlMs"], 9, "{sent}");
            assert_eq!(sent["result"]["cacheScope"], "private", "{sent}");
        }
        if changed.insert_meta("com.example/key", json!(1)) {
            let sent = wire(&changed);
            assert_eq!(sent["result"]["_meta"]["com.example/key"], 1, "{sent}");
        }
        assert!(!changed.insert_meta("not a key", json!(1)));
        assert!(wire(&changed).get("result").is_some());
    }
    let call = R::CallTool(tower_mcp::CallToolResult::text("x"));
    assert!(response(call.clone()).insert_meta("com.example/key", json!(1)));
    assert!(!response(call).set_cache_hint(hint));
}

#[test]
fn the_error_of_a_failed_task_is_replaced_with_its_status() {
    let mut replaced = 0;
    for result in results() {
        let mut masked = response(result);
        let failed = masked.task_error().is_some();
        assert_eq!(masked.set_task_error(McpError::internal()), failed);
        if failed {
            replaced += 1;
            assert_eq!(masked.task_error().unwrap().message, "Internal error");
            let sent = wire(&masked);
            let result = &sent["result"];
            let task = result.pointer("/tasks/0").unwrap_or(result);
            assert_eq!(task["statusMessage"], "Internal error", "{sent}");
        }
    }
    assert_eq!(replaced, 4);
}

#[test]
fn an_error_goes_through_a_response_and_back() {
    for error in [McpError::timed_out(), McpError::new(7, "x").with("a", 1)] {
        let made = TowerMcpResponse::from_error(RequestId::Number(1), error.clone());
        assert_eq!(made.trail().is_public(), error.is_public());
        let Outcome::Protocol {
            code,
            message,
            data,
        } = made.outcome()
        else {
            panic!("no error");
        };
        assert_eq!(
            (code, message, data),
            (error.code, &*error.message, error.data.as_ref())
        );
        assert_eq!(made.into_error().unwrap(), error);
    }
    let result = response(R::Pong(Default::default()));
    assert!(result.into_error().is_err());
}

#[test]
fn an_answer_can_be_given_to_another_request() {
    let moved = response(R::Pong(Default::default())).readdress(RequestId::String("b".to_owned()));
    assert_eq!(wire(&moved)["id"], "b");
}

#[test]
fn structured_content_is_changed_in_place() {
    let result = json!({ "content": [], "structuredContent": { "password": "hunter2" } });
    for result in [R::CallTool(parsed(result.clone())), R::Raw(result)] {
        let mut response = response(result);
        response.structured_content_mut().unwrap()["password"] = json!("***");
        let sent = wire(&response);
        assert_eq!(
            sent["result"]["structuredContent"],
            json!({ "password": "***" })
        );
    }
    assert!(
        response(R::Raw(json!({})))
            .structured_content_mut()
            .is_none()
    );
}
