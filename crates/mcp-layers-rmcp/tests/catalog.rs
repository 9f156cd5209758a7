//! The catalog of the names that a server offers: what the adapter puts into it.
#![cfg(all(feature = "client", feature = "http"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

mod fixture;

use std::sync::{Arc, Mutex};

use fixture::{
    Fixture, layers, model,
    pipe::{Raw, connect},
};
use mcp_layers_core::{
    Catalog, CatalogLayer, ListedKind, McpRequest, Method, request::ReplayRequest,
};
use mcp_layers_rmcp::{LayeredClient, RmcpRequest, Stack, Upstream, UpstreamRequest};
use mcp_layers_util::CancelLayer;
use rmcp::model::{CallToolRequestParams, ClientRequest};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, layer::util::Identity, util::MapRequestLayer};

fn tool(name: &str) -> Value {
    json!({ "name": name, "arguments": {} })
}

#[tokio::test]
async fn a_tool_is_known_before_it_is_first_called_and_an_invented_one_is_not() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&seen);
    let tap = MapRequestLayer::new(move |request: RmcpRequest| {
        let catalog = request.context().catalog().unwrap();
        let known = catalog.knows_target(&request);
        tell.lock()
            .unwrap()
            .push((request.method().as_str().to_owned(), known));
        request
    });
    for service in [false, true] {
        let fixture = Fixture::default();
        let stack = Stack::new(tap.clone());
        let mut raw = if service {
            Raw::serve(stack.service(fixture.clone()))
        } else {
            Raw::serve(stack.handler(fixture.clone()))
        };
        raw.ask("tools/call", tool("echo")).await;
        raw.ask("tools/call", tool("invented")).await;
        raw.ask("resources/read", json!({ "uri": "file:///b" }))
            .await;
        raw.ask("resources/read", json!({ "uri": "other:///b" }))
            .await;
        // A look-up passes no layer, and is one list at most.
        let expected = [
            ("tools/call", true),
            ("tools/call", false),
            ("resources/read", true),
            ("resources/read", false),
        ];
        let expected = expected.map(|(method, known)| (method.to_owned(), known));
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), expected);
        assert_eq!(fixture.0.count("list_tools"), 1);
        assert_eq!(fixture.0.count("list_resource_templates"), 1);
    }
}

#[tokio::test]
async fn a_tool_that_the_handler_names_needs_no_list() {
    let fixture = Fixture::default();
    let catalog = Catalog::new();
    let stack = Stack::new(CancelLayer::new()).catalog(catalog.clone());
    let mut raw = Raw::serve(stack.handler(fixture.clone()));
    raw.ask("tools/call", tool("echo")).await;
    assert_eq!(fixture.0.count("list_tools"), 0);
    assert_eq!(catalog.hints("echo").unwrap().read_only, Some(true));
}

#[tokio::test]
async fn a_list_that_passes_teaches_names_and_hints() {
    let catalog = Catalog::new();
    let stack = layers().catalog(catalog.clone());
    let mut raw = Raw::serve(stack.handler(Fixture::default()));
    raw.ask("tools/list", json!({})).await;
    assert_eq!(catalog.hints("echo").unwrap().read_only, Some(true));
    assert_eq!(catalog.hints("list").unwrap().read_only, None);
}

#[tokio::test]
async fn sessions_of_one_stack_share_its_catalog() {
    let stack = Stack::new(Identity::new());
    let fixture = Fixture::default();
    for _ in 0..2 {
        let mut raw = Raw::serve(stack.handler(fixture.clone()));
        raw.ask("resources/read", json!({ "uri": "file:///b" }))
            .await;
    }
    assert_eq!(fixture.0.count("list_resource_templates"), 1);
}

#[tokio::test]
async fn a_client_learns_from_the_lists_that_pass() {
    let server = connect(Fixture::default(), (), true).await;
    let catalog = Catalog::new();
    let client =
        LayeredClient::new(server.peer().clone(), Identity::new()).catalog(catalog.clone());
    client
        .call_tool(CallToolRequestParams::new("refuse"))
        .await
        .unwrap_err();
    assert!(!catalog.knows(ListedKind::Tool, "refuse"));
    client.list_tools(None).await.unwrap();
    assert_eq!(catalog.hints("echo").unwrap().read_only, Some(true));
}

#[tokio::test]
async fn a_client_can_look_names_up_at_its_upstream() {
    let server = connect(Fixture::default(), (), true).await;
    let upstream = Upstream::new(server.peer().clone());
    let catalog = Catalog::new();
    let layer = CatalogLayer::new(catalog.clone()).look_up_at(upstream.clone());
    let mut request = json!({ "method": "tools/call", "params": tool("echo") });
    request["params"]["_meta"] = json!({ "progressToken": 7, "com.example/a": 1 });
    let request = UpstreamRequest::new(model::<ClientRequest>(request));
    let list = request
        .list_request(Method::ListTools, Some("more"))
        .unwrap();
    assert_eq!(
        (list.method(), list.cursor()),
        (Method::ListTools, Some("more"))
    );
    assert_eq!(json!(list.meta()), json!({ "com.example/a": 1 }));

    layer
        .layer(upstream)
        .oneshot(request.try_clone().unwrap())
        .await
        .unwrap();
    assert!(catalog.knows(ListedKind::Tool, "list"));
}
