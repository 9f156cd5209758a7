//! Requests that are repeated, and requests that are sent once.
#![allow(clippy::unwrap_used)]

mod common;

use common::{call, failure, retry, send};
use mcp_layers_core::{Catalog, Hints, JsonRpcRequest, McpRequest, Method};
use mcp_layers_retry::RetryLayer;
use mcp_layers_test::{MockService, requests};

async fn attempts(layer: &RetryLayer, request: JsonRpcRequest) -> usize {
    let mock = MockService::answering(|_| failure());
    send(layer, &mock, request).await.unwrap();
    mock.calls()
}

#[tokio::test(start_paused = true)]
async fn tools_are_repeated_only_by_declaration_or_trusted_annotation() {
    let hint = |read_only: bool, idempotent: bool| {
        Hints::default()
            .with_read_only(read_only)
            .with_idempotent(idempotent)
    };
    let catalog = Catalog::new()
        .with_tool_hints("read", hint(true, false))
        .with_tool_hints("put", hint(false, true))
        .with_tool_hints("post", hint(false, false));
    let call = |tool: &str| {
        let mut request = call(tool);
        request.context_mut().set_catalog(catalog.clone());
        request
    };
    let layer = retry(3).repeatable_tools(["db_*"]).unwrap();
    assert_eq!(attempts(&layer, call("read")).await, 1);
    let layer = layer.trust_hints();
    for (tool, expected) in [
        ("read", 3),
        ("put", 3),
        ("safe", 3),
        ("db_query", 3),
        ("post", 1),
        ("unknown", 1),
    ] {
        assert_eq!(attempts(&layer, call(tool)).await, expected, "{tool}");
    }
    let continuation = requests::continuation(requests::modern(call("read")));
    assert_eq!(attempts(&layer, continuation).await, 1);
    let mut repeated = call("read");
    repeated.context_mut().set_repeated();
    assert_eq!(attempts(&layer, repeated).await, 1);
    assert!(layer.repeatable_tools(["*_query"]).is_err());
}

#[tokio::test(start_paused = true)]
async fn reads_are_repeated_and_nothing_else() {
    let repeated = [
        Method::Discover,
        Method::ListTools,
        Method::ListResources,
        Method::ListResourceTemplates,
        Method::ReadResource,
        Method::ReadResourceDirectory,
        Method::ListPrompts,
        Method::GetPrompt,
        Method::Complete,
        Method::ListTasks,
        Method::GetTask,
        Method::ListSkills,
        Method::GetSkill,
    ];
    let layer = retry(3);
    for method in Method::KNOWN {
        let request = JsonRpcRequest::new(1, method.as_str());
        let expected = if repeated.contains(method) { 3 } else { 1 };
        assert_eq!(attempts(&layer, request).await, expected, "{method}");
    }
    let unknown = JsonRpcRequest::new(1, "vendor/read");
    assert_eq!(attempts(&layer, unknown).await, 1);
}
