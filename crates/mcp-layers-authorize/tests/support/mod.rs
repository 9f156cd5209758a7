//! Principals, rules, and one exchange through the layer.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "a test fails by a panic, and each test program uses its part of it"
)]

use std::sync::Arc;

use mcp_layers_authorize::{Access, AuthorizeLayer, Rules, RulesBuilder};
use mcp_layers_core::Principal;
use mcp_layers_core::{
    Authentication, Event, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpResponse,
    Method, code,
};
use mcp_layers_test::{Answer, MockService};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};

pub(crate) fn ada() -> Principal {
    Principal::new("ada", Authentication::Bearer).with_scopes(["tools"])
}

pub(crate) fn bob() -> Principal {
    Principal::new("bob", Authentication::Bearer).with_scopes(["tools"])
}

pub(crate) fn root() -> Principal {
    Principal::new("root", Authentication::Bearer).with_scopes(["tools", "admin"])
}

/// The rules of `everything`: `admin_*` is hidden, all else needs `tools`.
pub(crate) fn rules() -> RulesBuilder {
    Rules::builder()
        .tool("*", Access::scopes(["tools"]))
        .tool("admin_*", Access::scopes(["admin"]).hidden())
        .resource("file:///*", Access::scopes(["tools"]))
        .resource("file:///secret/*", Access::scopes(["admin"]).hidden())
        .prompt("*", Access::scopes(["tools"]))
        .prompt("admin_*", Access::scopes(["admin"]).hidden())
}

pub(crate) fn layer() -> AuthorizeLayer {
    AuthorizeLayer::new(rules().build().unwrap())
}

pub(crate) fn by(principal: &Principal, mut request: JsonRpcRequest) -> JsonRpcRequest {
    let principal = Arc::new(principal.clone());
    request.context_mut().set_principal(principal);
    request
}

pub(crate) fn call(tool: &str) -> JsonRpcRequest {
    JsonRpcRequest::call_tool(1, tool, json!({}))
}

pub(crate) fn read(uri: &str) -> JsonRpcRequest {
    JsonRpcRequest::new(1, "resources/read").with_params(json!({ "uri": uri }))
}

/// A server like those of rmcp and tower-mcp: some tools, resources and prompts; every other name is
/// unknown, in words that repeat the name.
pub(crate) fn server() -> MockService {
    MockService::answering(|request| {
        let target = McpRequest::target(request).unwrap_or_default();
        let unknown = |what: &str| {
            let text = format!("{what} '{target}' not found");
            Answer::error(McpError::new(code::INVALID_PARAMS, text).with("name", target))
        };
        let names = |list: &str, key: &str, names: &[&str]| {
            let entries: Vec<_> = names.iter().map(|name| json!({ key: name })).collect();
            Answer::result(json!({ list: entries, "ttlMs": 1000, "cacheScope": "public" }))
        };
        match McpRequest::method(request) {
            Method::ListTools => names("tools", "name", TOOLS),
            Method::ListResources => names("resources", "uri", RESOURCES),
            Method::ListPrompts => names("prompts", "name", PROMPTS),
            Method::CallTool if target == "validate" => {
                Answer::error(McpError::new(code::INVALID_PARAMS, "n is no number"))
            }
            Method::CallTool if !TOOLS.contains(&target) => unknown("tool"),
            Method::GetPrompt if !PROMPTS.contains(&target) => unknown("prompt"),
            Method::ReadResource if !RESOURCES.contains(&target) => unknown("resource"),
            _ => Answer::plausible(),
        }
    })
}

pub(crate) const TOOLS: &[&str] = &["echo", "admin_reset", "validate"];
pub(crate) const RESOURCES: &[&str] = &["file:///notes", "file:///secret/key"];
pub(crate) const PROMPTS: &[&str] = &["greet", "admin_greet"];

/// Sends one request through the layer.
pub(crate) async fn ask(
    layer: &AuthorizeLayer,
    server: &MockService,
    request: JsonRpcRequest,
) -> JsonRpcResponse {
    layer.layer(server.clone()).oneshot(request).await.unwrap()
}

/// The message that goes to the caller.
pub(crate) fn bytes(response: &JsonRpcResponse) -> String {
    serde_json::to_string(response).unwrap()
}

/// The same without the caller's own uri, which the answer repeats.
pub(crate) fn bytes_about(response: &JsonRpcResponse, uri: &str) -> String {
    let own = json!({ "uri": uri }).to_string();
    bytes(response).replace(&own, "OWN")
}

pub(crate) fn error(response: &JsonRpcResponse) -> Value {
    Value::from(response)["error"].clone()
}

pub(crate) fn events(response: &JsonRpcResponse) -> Vec<Event> {
    response.trail().events().cloned().collect()
}

pub(crate) fn denied_by(response: &JsonRpcResponse) -> Option<String> {
    response.trail().events().find_map(|event| match event {
        Event::Denied { rule } => Some(rule.to_string()),
        _ => None,
    })
}

/// The names in a list, in its order.
pub(crate) fn listed(response: &JsonRpcResponse) -> Vec<String> {
    let mut names = Vec::new();
    response.visit_listed(&mut |entry| names.push(entry.name.to_owned()));
    names
}
