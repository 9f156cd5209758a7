//! The memory that layers keep for principals, counted: the table of `crates/mcp-layers/docs/capacity.md`.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::FutureExt;
use mcp_layers_authenticate::{CachedVerifier, Credential, Refusal, Verify};
use mcp_layers_authorize::{Access, AuthorizeLayer, Rules};
use mcp_layers_cache::{CacheLayer, Freshness};
use mcp_layers_core::{
    Authentication, Catalog, JsonRpcRequest, JsonRpcResponse, McpRequest, Principal,
};
use mcp_layers_rate_limit::{ConcurrencyLimitLayer, Quota, RateLimitLayer, Rule};
use mcp_layers_retry::RetryLayer;
use serde_json::json;
use tower::{Layer, Service, ServiceExt, service_fn};

const PRINCIPALS: usize = 10_000;

fn principal(number: usize) -> Principal {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&(number as u64).to_le_bytes());
    Principal::new(
        format!("user-{number:08}@example.com"),
        Authentication::Bearer,
    )
    .with_issuer("https://issuer.example")
    .with_scopes(["tools"])
    .with_credential_digest(digest)
}

/// A call of the tool with 20 bytes of arguments.
fn call(number: usize) -> JsonRpcRequest {
    let arguments = json!({ "place": "trench H" });
    let mut request = JsonRpcRequest::call_tool(7, "dig", arguments);
    let context = request.context_mut();
    context.set_principal(Arc::new(principal(number)));
    context.set_catalog(Catalog::new().with_tools(["dig"]));
    request
}

/// The bytes that stay allocated for each principal once each has been there.
fn kept(mut visit: impl FnMut(usize)) -> u64 {
    // What is made only once is made before.
    visit(0);
    let visits = || (0..PRINCIPALS).for_each(&mut visit);
    let bytes = allocation_counter::measure(visits).bytes_current;
    u64::try_from(bytes).unwrap_or_default() / PRINCIPALS as u64
}

/// The bytes that a layer keeps for each principal that made one call of a tool.
fn kept_by<L>(layer: &L) -> u64
where
    L: Layer<
            Leaf,
            Service: Service<JsonRpcRequest, Response = JsonRpcResponse, Error: std::fmt::Debug>,
        >,
{
    kept(|number| {
        let service = layer.layer(leaf());
        let answered = service.oneshot(call(number)).now_or_never();
        drop(answered.unwrap().unwrap());
    })
}

/// Answers at once, with a text of 200 bytes.
fn leaf() -> Leaf {
    service_fn(answer)
}

type Leaf = tower::util::ServiceFn<fn(JsonRpcRequest) -> Answered>;
type Answered = std::future::Ready<Result<JsonRpcResponse, std::convert::Infallible>>;

#[expect(clippy::needless_pass_by_value, reason = "a service takes requests")]
fn answer(request: JsonRpcRequest) -> Answered {
    let content = json!([{ "type": "text", "text": "x".repeat(200) }]);
    let result = json!({ "content": content, "isError": false });
    std::future::ready(Ok(JsonRpcResponse::success(&request, result)))
}

fn limit() -> Rule {
    let quota = NonZeroU32::new(10).unwrap();
    Rule::new("per-tool", Quota::per_second(quota))
}

/// Measures a row, and compares it with that of the page.
#[track_caller]
fn assert_row(name: &str, bytes: u64) {
    let page = fs::read_to_string("crates/mcp-layers/docs/capacity.md").unwrap();
    let start = format!("| {name} | ");
    let row = page.lines().find_map(|line| line.strip_prefix(&start));
    let figure = row.and_then(|row| row.split(" |").next()?.parse::<u64>().ok());
    let figure = figure.unwrap_or_else(|| panic!("no row {start:?}; measured: {bytes}"));
    // The figures are rounded.
    let most = 5.max(figure / 10);
    let is_near = figure.abs_diff(bytes) <= most;
    assert!(is_near, "{name}: {bytes} bytes, and {figure} on the page");
}

#[test]
fn a_rule_of_the_rate_limit() {
    let layer = RateLimitLayer::new([limit()]).unwrap();
    assert_row("a rule of the rate limit", kept_by(&layer));
    assert_eq!(layer.handle().stats().store.keys, PRINCIPALS);
}

#[test]
fn the_concurrency_limit_keeps_nothing_of_idle_callers() {
    let layer = ConcurrencyLimitLayer::new("in-flight", 8).unwrap();
    assert_row("concurrency limit", kept_by(&layer));
}

#[test]
fn a_private_entry_of_the_cache() {
    let freshness = Freshness::new(Duration::from_secs(3600)).private();
    let layer = CacheLayer::new().tool("dig", freshness).unwrap();
    assert_row("a private entry of the cache", kept_by(&layer));
    assert_eq!(layer.handle().stats().entries, PRINCIPALS as u64);
}

#[test]
fn the_retry_budget() {
    let layer = RetryLayer::new(NonZeroU32::new(3).unwrap());
    let layer = layer.repeatable_tools(["dig"]).unwrap();
    assert_row("retry budget", kept_by(&layer));
}

#[test]
fn a_seen_credential() {
    let seen = AtomicUsize::new(0);
    let verifier = CachedVerifier::new(move |_: Credential| {
        let number = seen.fetch_add(1, Relaxed);
        std::future::ready(Ok::<_, Refusal>(principal(number)))
    });
    let bytes = kept(|number| {
        let credential = Credential::bearer(&format!("{number:t>700}")).unwrap();
        let seen = verifier.verify(&credential).now_or_never();
        drop(seen.unwrap().unwrap());
    });
    assert_row("a seen credential", bytes);
}

#[test]
fn a_session_and_a_task_of_the_authorization() {
    let rules = Rules::builder().otherwise(Access::any_principal());
    let handle = AuthorizeLayer::new(rules.build().unwrap()).handle();
    let id = |number| format!("8a7f3c52-0000-4000-8000-{number:012}");
    let sessions = kept(|number| {
        assert!(handle.sessions().bind(&id(number), &principal(number)));
    });
    assert_row("the binding of a session", sessions);
    let tasks = kept(|number| {
        assert!(handle.tasks().bind(&id(number), &principal(number)));
    });
    assert_row("the binding of a task", tasks);
}
