//! Requests of every method, with plausible params.

use mcp_layers_core::{
    JsonRpcRequest, Method,
    json_rpc::JsonRpcId,
    request::{MODERN, meta_key},
};
use serde_json::{Map, Value, json};

/// The tool of the requests and results of this crate.
pub const TOOL: &str = "echo";
/// The resource of the requests and results of this crate.
pub const RESOURCE: &str = "file:///notes.txt";
/// The prompt of the requests and results of this crate.
pub const PROMPT: &str = "greet";
/// The task of the requests and results of this crate.
pub const TASK: &str = "task-1";

/// One request for each request method of [`Method::KNOWN`], in its order; ids count from 1.
///
/// The requests are legacy ones; [`modern`] converts them.
#[must_use]
pub fn every_method() -> Vec<JsonRpcRequest> {
    let methods = Method::KNOWN
        .iter()
        .filter(|method| !method.is_notification());
    (1..)
        .zip(methods)
        .map(|(id, method)| of(id, *method))
        .collect()
}

/// Requests of methods that no revision of the protocol defines; ids count from 1001.
#[must_use]
pub fn unknown_methods() -> Vec<JsonRpcRequest> {
    let params =
        json!({ "name": TOOL, "arguments": { "deep": [1, 2.5, null, { "b": 1, "a": "é" }] } });
    vec![
        JsonRpcRequest::new(1001, "vendor/thing").with_params(params),
        JsonRpcRequest::new(1002, "vendor/empty"),
        JsonRpcRequest::new("id-1003", "Tools/Call").with_params(json!({ "name": TOOL })),
        JsonRpcRequest::new(1004, "tools/call/vendor").with_params(json!([1, 2])),
    ]
}

/// A request of this method with the required params, as a legacy client sends it. An unknown method
/// gets no params.
pub fn of(id: impl Into<JsonRpcId>, method: Method<'_>) -> JsonRpcRequest {
    let request = match method.known() {
        Some(known) => JsonRpcRequest::new(id, known.as_str()),
        None => JsonRpcRequest::new(id, method.as_str().to_owned()),
    };
    match params(method) {
        Some(params) => request.with_params(params),
        None => request,
    }
}

/// The same request as a 2026-07-28 client sends it: its `_meta` has the protocol version and the
/// client's capabilities (2026-07-28, basic/index, "General fields").
#[must_use]
pub fn modern(request: JsonRpcRequest) -> JsonRpcRequest {
    let mut params = match request.params() {
        Value::Null => Map::new(),
        Value::Object(params) => params.clone(),
        _ => return request,
    };
    let meta = params.entry("_meta").or_insert_with(|| json!({}));
    if let Value::Object(meta) = meta {
        meta.insert(meta_key::PROTOCOL_VERSION.to_owned(), json!(MODERN));
        meta.insert(
            meta_key::CLIENT_CAPABILITIES.to_owned(),
            json!({ "elicitation": {} }),
        );
        meta.insert(
            meta_key::CLIENT_INFO.to_owned(),
            json!({ "name": "mcp-layers-test", "version": "0" }),
        );
    }
    request.with_params(Value::Object(params))
}

/// The same request as a continuation: it has `inputResponses` and `requestState` (2026-07-28, multi
/// round-trip requests).
#[must_use]
pub fn continuation(request: JsonRpcRequest) -> JsonRpcRequest {
    let mut params = match request.params() {
        Value::Object(params) => params.clone(),
        _ => Map::new(),
    };
    params.insert(
        "inputResponses".to_owned(),
        json!({ "name": { "action": "accept", "content": { "name": "Ada" } } }),
    );
    params.insert("requestState".to_owned(), json!("opaque"));
    request.with_params(Value::Object(params))
}

/// A `tools/call`.
pub fn call_tool(id: impl Into<JsonRpcId>, name: &str, arguments: Value) -> JsonRpcRequest {
    JsonRpcRequest::call_tool(id, name, arguments)
}

/// A `tools/list` for the first page.
pub fn list_tools(id: impl Into<JsonRpcId>) -> JsonRpcRequest {
    of(id, Method::ListTools)
}

/// A request of this method for the page at `cursor`.
pub fn page(id: impl Into<JsonRpcId>, method: Method<'_>, cursor: &str) -> JsonRpcRequest {
    of(id, method).with_params(json!({ "cursor": cursor }))
}

/// A `resources/read`.
pub fn read_resource(id: impl Into<JsonRpcId>, uri: &str) -> JsonRpcRequest {
    of(id, Method::ReadResource).with_params(json!({ "uri": uri }))
}

/// A `prompts/get`.
pub fn get_prompt(id: impl Into<JsonRpcId>, name: &str, arguments: Value) -> JsonRpcRequest {
    let params = Map::from_iter([
        ("name".to_owned(), Value::from(name)),
        ("arguments".to_owned(), arguments),
    ]);
    of(id, Method::GetPrompt).with_params(Value::Object(params))
}

/// A `subscriptions/listen` for changes of these resources and of the list of tools.
pub fn listen(id: impl Into<JsonRpcId>, uris: &[&str]) -> JsonRpcRequest {
    modern(of(id, Method::Listen).with_params(json!({
        "notifications": { "toolsListChanged": true, "resourceSubscriptions": uris }
    })))
}

fn params(method: Method<'_>) -> Option<Value> {
    Some(match method {
        Method::Initialize => json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "roots": { "listChanged": true } },
            "clientInfo": { "name": "mcp-layers-test", "version": "0" },
        }),
        Method::Discover
        | Method::Ping
        | Method::ListTools
        | Method::ListResources
        | Method::ListResourceTemplates
        | Method::ListPrompts
        | Method::ListTasks
        | Method::ListSkills
        | Method::ListRoots => json!({}),
        Method::CallTool => json!({ "name": TOOL, "arguments": { "text": "hello", "n": 1 } }),
        Method::ReadResource | Method::Subscribe | Method::Unsubscribe => {
            json!({ "uri": RESOURCE })
        }
        Method::ReadResourceDirectory => json!({ "uri": "file:///" }),
        Method::GetPrompt => json!({ "name": PROMPT, "arguments": { "who": "Ada" } }),
        Method::Complete => json!({
            "ref": { "type": "ref/prompt", "name": PROMPT },
            "argument": { "name": "who", "value": "A" },
        }),
        Method::SetLevel => json!({ "level": "warning" }),
        Method::Listen => json!({
            "notifications": { "toolsListChanged": true, "resourceSubscriptions": [RESOURCE] },
        }),
        Method::GetTask | Method::TaskResult | Method::CancelTask => json!({ "taskId": TASK }),
        Method::UpdateTask => json!({ "taskId": TASK, "inputResponses": {} }),
        Method::GetSkill => json!({ "uri": "skill://greeting" }),
        Method::CreateMessage => json!({
            "messages": [{ "role": "user", "content": { "type": "text", "text": "Hello" } }],
            "maxTokens": 10,
        }),
        Method::Elicit => json!({
            "message": "Your name?",
            "requestedSchema": { "type": "object", "properties": { "name": { "type": "string" } } },
        }),
        _ => return None,
    })
}

#[cfg(test)]
#[path = "../tests/unit/requests.rs"]
mod tests;
