//! Results of every method.

use mcp_layers_core::{JsonRpcRequest, McpRequest, Method, response::CacheScope};
use serde_json::{Value, json};

use crate::requests::{PROMPT, RESOURCE, TASK, TOOL};

/// A plausible result for the request's method; for a modern request one with
/// `resultType: "complete"`. An unknown method gets its params back.
#[must_use]
pub fn of(request: &JsonRpcRequest) -> Value {
    let result = match McpRequest::method(request) {
        Method::Initialize => json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": { "listChanged": true } },
            "serverInfo": { "name": "mcp-layers-test", "version": "0" },
        }),
        Method::Discover => json!({
            "supportedVersions": ["2026-07-28", "2025-11-25"],
            "capabilities": { "tools": { "listChanged": true } },
            "serverInfo": { "name": "mcp-layers-test", "version": "0" },
        }),
        Method::ListTools => tools([TOOL, "sum"]),
        Method::CallTool => text("hello"),
        Method::ListResources => json!({ "resources": [{ "uri": RESOURCE, "name": "notes" }] }),
        Method::ListResourceTemplates => json!({
            "resourceTemplates": [{ "uriTemplate": "file:///{path}", "name": "files" }],
        }),
        Method::ReadResource => json!({
            "contents": [{ "uri": RESOURCE, "mimeType": "text/plain", "text": "notes" }],
        }),
        Method::ReadResourceDirectory => {
            json!({ "resources": [{ "uri": RESOURCE, "name": "notes" }] })
        }
        Method::ListPrompts => json!({ "prompts": [{ "name": PROMPT }] }),
        Method::GetPrompt => json!({
            "messages": [{ "role": "user", "content": { "type": "text", "text": "Hello, Ada" } }],
        }),
        Method::Complete => json!({ "completion": { "values": ["Ada"], "hasMore": false } }),
        Method::ListTasks => json!({ "tasks": [{ "taskId": TASK, "status": "working" }] }),
        Method::GetTask => json!({ "taskId": TASK, "status": "working", "ttlMs": 60_000 }),
        Method::TaskResult => text("done"),
        Method::ListSkills => json!({ "skills": [{ "uri": "skill://greeting" }] }),
        Method::GetSkill => json!({ "uri": "skill://greeting", "text": "Say hello." }),
        Method::CreateMessage => json!({
            "role": "assistant",
            "content": { "type": "text", "text": "Hello" },
            "model": "m",
        }),
        Method::ListRoots => json!({ "roots": [{ "uri": "file:///" }] }),
        Method::Elicit => json!({ "action": "accept", "content": { "name": "Ada" } }),
        Method::Other(_) => json!({ "echo": request.params() }),
        _ => json!({}),
    };
    if request.is_modern() {
        modern(result)
    } else {
        result
    }
}

/// The same result with `resultType: "complete"` (2026-07-28).
#[must_use]
pub fn modern(result: Value) -> Value {
    with(result, "resultType", json!("complete"))
}

/// A tool result with one text.
#[must_use]
pub fn text(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }], "isError": false })
}

/// A tool result with `isError: true`.
#[must_use]
pub fn tool_error(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }], "isError": true })
}

/// A page of tools without annotations.
#[must_use]
pub fn tools<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    let tools: Vec<_> = names
        .into_iter()
        .map(|name| tool(name, &json!({})))
        .collect();
    json!({ "tools": tools })
}

/// One tool of a page, with annotations such as `{"readOnlyHint": true}`.
#[must_use]
pub fn tool(name: &str, annotations: &Value) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object" }, "annotations": annotations })
}

/// The same page with the cursor of the next page.
#[must_use]
pub fn followed_by(page: Value, cursor: &str) -> Value {
    with(page, "nextCursor", json!(cursor))
}

/// The same result with a caching hint (2026-07-28, server/utilities/caching); milliseconds.
#[must_use]
pub fn fresh_for(result: Value, ttl_ms: u64, scope: CacheScope) -> Value {
    let scope = match scope {
        CacheScope::Public => "public",
        _ => "private",
    };
    with(
        with(result, "ttlMs", json!(ttl_ms)),
        "cacheScope",
        json!(scope),
    )
}

/// An input-required result (2026-07-28, multi round-trip requests).
#[must_use]
pub fn input_required() -> Value {
    json!({
        "resultType": "input_required",
        "inputRequests": {
            "name": {
                "method": "elicitation/create",
                "params": { "message": "Your name?", "requestedSchema": { "type": "object" } },
            },
        },
        "requestState": "opaque",
    })
}

/// A result that created a task.
#[must_use]
pub fn task_created() -> Value {
    json!({ "resultType": "task", "taskId": TASK, "status": "working", "ttlMs": 60_000 })
}

/// The result of `tasks/get` for a task that failed with `error`.
#[must_use]
pub fn failed_task(code: i32, message: &str) -> Value {
    json!({
        "taskId": TASK,
        "status": "failed",
        "statusMessage": message,
        "error": { "code": code, "message": message },
    })
}

fn with(mut result: Value, key: &str, value: Value) -> Value {
    if let Value::Object(fields) = &mut result {
        fields.insert(key.to_owned(), value);
    }
    result
}
