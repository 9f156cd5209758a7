//! Two principals behind every layer: neither sees, stops, slows down or blinds the other. The table in
//! `isolation.md` names the test of each layer's state; those that need several layers are here.

#![allow(clippy::unwrap_used)]

use std::{fs, num::NonZeroU32, path::Path, sync::Arc, time::Duration};

use mcp_layers_audit::{AuditLayer, ChannelSink};
use mcp_layers_authorize::{Access, AuthorizeLayer, Rules};
use mcp_layers_cache::{CacheLayer, Freshness};
use mcp_layers_circuit_breaker::CircuitBreakerLayer;
use mcp_layers_core::{
    Authentication, Catalog, CatalogLayer, Event, JsonRpcRequest, JsonRpcResponse, McpError,
    McpRequest, McpResponse, Principal,
};
use mcp_layers_error_mask::ErrorMaskLayer;
use mcp_layers_rate_limit::{ConcurrencyLimitLayer, Quota, RateLimitLayer, Rule};
use mcp_layers_retry::{Backoff, Budget, RetryLayer};
use mcp_layers_test::{Answer, Log, MockService};
use mcp_layers_timeout::TimeoutLayer;
use mcp_layers_timing::TimingLayer;
use mcp_layers_util::{CancelLayer, CatchErrorLayer, CatchPanicLayer};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

fn by(subject: &str, mut request: JsonRpcRequest) -> JsonRpcRequest {
    let principal = Principal::new(subject, Authentication::Bearer).with_scopes(["tools"]);
    request.context_mut().set_principal(Arc::new(principal));
    request
}

fn call(subject: &str, tool: &str, arguments: Value) -> JsonRpcRequest {
    by(subject, JsonRpcRequest::call_tool(1, tool, arguments))
}

async fn ask<S>(service: &S, request: JsonRpcRequest) -> JsonRpcResponse
where
    S: Service<JsonRpcRequest, Response = JsonRpcResponse, Error: std::fmt::Debug> + Clone,
{
    service.clone().oneshot(request).await.unwrap()
}

/// Fails when the arguments say so, otherwise answers.
fn server() -> MockService {
    MockService::answering(|request| match request.arguments().get("fail") {
        Some(_) => Answer::error(McpError::new(-32603, "the database is gone")),
        None => Answer::plausible(),
    })
}

fn n(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_floods_every_layer_leaves_the_other_its_answers() {
    let (sink, mut records) = ChannelSink::bounded(4_000).unwrap();
    let quota = Quota::per_hour(n(1)).allow_burst(n(20));
    let rules = Rules::builder().otherwise(Access::scopes(["tools"]));
    let service = ServiceBuilder::new()
        .layer(CatalogLayer::new(Catalog::new().with_tools(["dig", "cut"])))
        .layer(TimingLayer::server())
        .layer(AuditLayer::new(sink).unwrap())
        .layer(ErrorMaskLayer::new())
        .layer(CatchErrorLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(CancelLayer::new())
        .layer(AuthorizeLayer::new(rules.build().unwrap()))
        .layer(RateLimitLayer::new([Rule::new("r", quota)]).unwrap())
        .layer(ConcurrencyLimitLayer::new("in-flight", 8).unwrap())
        .layer(CacheLayer::new())
        .layer(RetryLayer::new(n(2)))
        .layer(CircuitBreakerLayer::new())
        .layer(TimeoutLayer::new(Duration::from_secs(30)))
        .service(server());
    let code = async |request| ask(&service, request).await.outcome().code();

    // Ada has called both tools: the circuits know her.
    assert_eq!(code(call("ada", "dig", json!({}))).await, None);
    for _ in 0..5 {
        let poisoned = call("mallory", "dig", json!({ "fail": 1 }));
        assert_eq!(code(poisoned).await, Some(-32603));
    }
    assert_eq!(code(call("mallory", "dig", json!({}))).await, Some(503));
    let mut refused = 0;
    for number in 0..2_000 {
        let name = format!("inv{number}");
        refused += usize::from(code(call("mallory", &name, json!({}))).await.is_some());
    }
    assert_eq!(refused, 2_000 - 20);
    // Her share of the audit is used up; nobody has read a record yet.
    let answer = ask(
        &service,
        by("mallory", JsonRpcRequest::new(1, "tools/list")),
    )
    .await;
    let sent = Value::from(&answer);
    assert_eq!(sent["error"]["data"]["reason"], "audit_share", "{sent}");

    for tool in ["dig", "cut"] {
        for _ in 0..19 {
            assert_eq!(code(call("ada", tool, json!({}))).await, None, "{tool}");
        }
    }
    let list = by("ada", JsonRpcRequest::new(1, "tools/list"));
    assert_eq!(code(list).await, None);
    let mut of_ada = 0;
    while let Some(record) = records.try_next() {
        of_ada += usize::from(format!("{record:?}").contains("ada"));
    }
    assert!(of_ada > 1 + 38, "{of_ada}");
}

#[tokio::test(start_paused = true)]
async fn a_spent_retry_budget_leaves_the_other_its_retries() {
    let mock = server();
    let layer = RetryLayer::new(n(3))
        .repeatable_tools(["dig"])
        .unwrap()
        .backoff(Backoff {
            base: Duration::from_millis(1),
            max: Duration::from_millis(1),
        })
        .budget(Budget::new(0, 2).unwrap());
    let service = layer.layer(mock.clone());
    let attempts = async |who: &str| {
        let calls = mock.calls();
        ask(&service, call(who, "dig", json!({ "fail": 1 }))).await;
        mock.calls() - calls
    };
    assert_eq!(attempts("mallory").await, 3);
    for _ in 0..100 {
        assert_eq!(attempts("mallory").await, 1);
    }
    assert_eq!(attempts("ada").await, 3);
    // Both grow with time.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!((attempts("mallory").await, attempts("ada").await), (3, 3));
}

#[tokio::test]
async fn a_full_cache_costs_the_other_a_miss_and_gives_it_no_foreign_answer() {
    let mock = MockService::answering(|request| {
        let who = request.context().principal().unwrap().subject().to_owned();
        json!({ "content": [{ "type": "text", "text": who }] })
    });
    let minute = Freshness::new(Duration::from_secs(60));
    let layer = CacheLayer::new()
        .tool("dig", minute)
        .unwrap()
        .max_entries(50)
        .unwrap();
    let service = layer.layer(mock);
    let text = async |who: &str, key: usize| {
        let answer = ask(&service, call(who, "dig", json!({ "key": key }))).await;
        let sent = Value::from(&answer);
        sent["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(text("ada", 0).await, "ada");
    for key in 0..1_000 {
        assert_eq!(text("mallory", key).await, "mallory");
    }
    assert_eq!(text("ada", 0).await, "ada");
    assert!(layer.handle().stats().entries <= 50);
}

#[tokio::test]
async fn every_masked_error_is_in_its_own_trail_and_has_its_own_log_line() {
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || written.clone());
    let _logged = tracing::subscriber::set_default(subscriber.finish());
    let service = ErrorMaskLayer::new().layer(server());
    let mut ids = std::collections::BTreeSet::new();
    for who in std::iter::repeat_n("mallory", 1_000).chain(["ada"]) {
        let answer = ask(&service, call(who, "dig", json!({ "fail": 1 }))).await;
        let last = answer.trail().events().last().cloned();
        let Some(Event::Masked { error_id, original }) = last else {
            panic!("{last:?}");
        };
        assert_eq!(original.message, "the database is gone");
        assert!(ids.insert(error_id.clone()));
        let log = log.text();
        if who == "ada" {
            assert!(
                log.contains(&*error_id),
                "the noise of mallory hid {error_id}"
            );
        } else {
            // The clock is the machine's: a second may pass meanwhile.
            assert!(log.lines().count() < 100, "{log}");
        }
    }
}

#[test]
fn the_table_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("crates/mcp-layers/docs/isolation.md")).unwrap();
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let test = row.trim_end_matches('|').rsplit('|').next().unwrap().trim();
        let (file, name) = test
            .split_once(": ")
            .unwrap_or_else(|| panic!("no test in {row}"));
        let file = file.trim_matches('`');
        let path = match file.strip_prefix("tests/") {
            Some(_) => root.join(file),
            None => root.join(format!("crates/mcp-layers-{file}")),
        };
        let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}", path.display()));
        let name = name.trim_matches('`');
        assert!(text.contains(&format!("fn {name}(")), "{file}: {name}");
        named += 1;
    }
    assert!(named >= 15, "{named}");
}
