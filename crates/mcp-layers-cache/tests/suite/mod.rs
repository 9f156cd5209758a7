//! The behaviour of every store, the memory of one process and one that several share: two nodes,
//! and each serves the results of the other.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use mcp_layers_cache::{AuthorizationContext, CacheLayer, Freshness};
use mcp_layers_core::{
    Authentication, JsonRpcRequest, McpError, McpRequest, Method, Principal,
    json_rpc::JsonRpcNotification, response::CacheScope,
};
use mcp_layers_test::{Answer, Gate, MockService, Task, requests, results};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt};

/// Two layers over one store. For the memory of a process they are clones.
pub trait Nodes {
    fn two(&self, layer: CacheLayer) -> [CacheLayer; 2];
    /// Waits until the store has taken what it was given.
    fn settle(&self) -> impl Future<Output = ()>;
}

fn layer() -> CacheLayer {
    CacheLayer::new()
        .context(AuthorizationContext::Subject)
        .tool("echo", Freshness::new(Duration::from_secs(600)))
        .unwrap()
}

fn mock() -> MockService {
    let count = std::sync::atomic::AtomicU64::new(0);
    MockService::answering(move |request: &JsonRpcRequest| {
        let count = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let scope = match request.target() {
            Some("file:///private") => CacheScope::Private,
            _ => CacheScope::Public,
        };
        let mut result = results::fresh_for(results::of(request), 600_000, scope);
        result["count"] = json!(count);
        Answer::result(result)
    })
}

fn by(subject: &str, mut request: JsonRpcRequest) -> JsonRpcRequest {
    let principal = Principal::new(subject, Authentication::Bearer);
    request.context_mut().set_principal(Arc::new(principal));
    request
}

async fn run<S>(service: &S, request: JsonRpcRequest) -> Option<u64>
where
    S: Service<JsonRpcRequest, Response = mcp_layers_core::JsonRpcResponse, Error: std::fmt::Debug>
        + Clone,
{
    let response = service.clone().oneshot(request).await.unwrap();
    response.result().ok()?["count"].as_u64()
}

/// All of it.
pub async fn check(nodes: &impl Nodes) {
    answers_are_shared_by_whom_they_are_for(nodes).await;
    what_must_not_be_kept_is_not(nodes).await;
    an_invalidation_reaches_both(nodes).await;
    an_answer_from_before_an_invalidation_is_not_kept(nodes).await;
}

async fn answers_are_shared_by_whom_they_are_for(nodes: &impl Nodes) {
    let mock = mock();
    let [one, two] = nodes.two(layer()).map(|layer| layer.layer(mock.clone()));
    let read = |uri: &str| requests::read_resource(1, uri);
    let call = |arguments: Value| requests::call_tool(1, "echo", arguments);
    let asked = [
        (requests::list_tools(1), requests::list_tools("other"), true),
        (read("file:///a"), by("ada", read("file:///a")), true),
        (read("file:///a"), read("file:///A"), false),
        (
            by("ada", read("file:///private")),
            by("ada", read("file:///private")),
            true,
        ),
        (
            by("ada", read("file:///private")),
            by("bob", read("file:///private")),
            false,
        ),
        (
            by("bob", call(json!({ "a": 1, "b": 2 }))),
            by("bob", call(json!({ "b": 2, "a": 1 }))),
            true,
        ),
        (
            by("bob", call(json!({ "a": 1 }))),
            by("bob", call(json!({ "a": 1.0 }))),
            false,
        ),
        (
            by("bob", call(json!({ "a": 1 }))),
            by("eve", call(json!({ "a": 1 }))),
            false,
        ),
        (
            requests::list_tools(1),
            requests::modern(requests::list_tools(1)),
            false,
        ),
    ];
    for (number, (first, second, same)) in asked.into_iter().enumerate() {
        let first = run(&one, first).await.unwrap();
        nodes.settle().await;
        assert_eq!(
            run(&two, second).await == Some(first),
            same,
            "case {number}"
        );
        nodes.settle().await;
    }
}

async fn what_must_not_be_kept_is_not(nodes: &impl Nodes) {
    let mock = mock();
    let [one, two] = nodes.two(layer()).map(|layer| layer.layer(mock.clone()));
    let request = || {
        by(
            "ada",
            requests::call_tool(1, "echo", json!({ "never": true })),
        )
    };
    for answer in [
        Answer::error(McpError::internal()),
        Answer::tool_error("no"),
        Answer::result(results::input_required()),
        Answer::result(results::task_created()),
    ] {
        let before = mock.calls();
        mock.push(answer.clone());
        mock.push(answer);
        run(&one, request()).await;
        nodes.settle().await;
        run(&two, request()).await;
        assert_eq!(mock.calls(), before + 2);
    }
}

async fn an_invalidation_reaches_both(nodes: &impl Nodes) {
    let mock = mock();
    let layers = nodes.two(layer());
    let handle = layers[0].handle();
    let [one, two] = layers.map(|layer| layer.layer(mock.clone()));
    let uri = "file:///changing";
    let read = || requests::read_resource(1, uri);
    let kept = run(&one, read()).await;
    nodes.settle().await;
    let changed =
        JsonRpcNotification::new("notifications/resources/updated", json!({ "uri": uri }));
    handle.observe(&changed);
    nodes.settle().await;
    let newer = run(&two, read()).await;
    assert_ne!(newer, kept);
    nodes.settle().await;
    assert_eq!(run(&one, read()).await, newer);

    let call = |who: &str| by(who, requests::call_tool(1, "echo", json!({ "who": 1 })));
    let (ada, bob) = (run(&one, call("ada")).await, run(&one, call("bob")).await);
    nodes.settle().await;
    handle.invalidate_principal(&Principal::new("ada", Authentication::Bearer));
    nodes.settle().await;
    assert_ne!(run(&two, call("ada")).await, ada);
    assert_eq!(run(&two, call("bob")).await, bob);
    nodes.settle().await;
    handle.invalidate_method(Method::CallTool);
    nodes.settle().await;
    assert_ne!(run(&one, call("bob")).await, bob);
}

async fn an_answer_from_before_an_invalidation_is_not_kept(nodes: &impl Nodes) {
    let mock = mock();
    let layers = nodes.two(layer());
    let handle = layers[1].handle();
    let [mut one, two] = layers.map(|layer| layer.layer(mock.clone()));
    let read = || requests::read_resource(1, "file:///slow");
    let gate = Gate::closed();
    let old = results::fresh_for(json!({ "contents": [] }), 600_000, CacheScope::Public);
    mock.push(Answer::result(old).behind(&gate));
    let before = mock.calls();
    let mut slow = Task::new(one.call(read()));
    // It may ask the store first.
    while mock.calls() == before {
        assert!(slow.poll().is_pending());
        tokio::task::yield_now().await;
    }
    handle.invalidate_all();
    nodes.settle().await;
    gate.open();
    while slow.poll().is_pending() {
        tokio::task::yield_now().await;
    }
    nodes.settle().await;
    assert!(
        run(&two, read()).await.is_some(),
        "the old answer has no count"
    );
}
