//! Names that callers invent: no fresh budgets, and no harm to other callers.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Counting, a_second, by, call, how_many, limiter, passes, with_catalog};
use mcp_layers_core::{
    Catalog, CatalogLayer, Clock, JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse,
};
use mcp_layers_rate_limit::{
    ConcurrencyLimitLayer, KeyComponent, MemoryStore, RateLimitLayer, Rule,
};
use mcp_layers_test::{Answer, MockService, Task};
use serde_json::json;
use tower::{Layer, Service, ServiceExt, service_fn};

/// A call of a tool that the server does not offer.
fn invented(number: usize) -> JsonRpcRequest {
    let name = format!("inv{number}");
    with_catalog(["dig"], JsonRpcRequest::call_tool(1, &name, json!({})))
}

#[test]
fn invented_tools_share_one_budget_of_their_principal() {
    let (layer, _) = limiter([Rule::new("r", a_second(1))]);
    let passed = (0..500).filter(|number| passes(&layer, by("ada", invented(*number))));
    assert_eq!(passed.count(), 1);
    // Known tools, and other principals, keep budgets of their own.
    assert_eq!(how_many(&layer, || by("ada", call("dig"))), 1);
    assert_eq!(how_many(&layer, || by("bob", invented(1))), 1);
}

#[test]
fn a_hundred_thousand_invented_names_leave_other_callers_alone() {
    let (layer, _) = limiter([Rule::new("r", a_second(3))]);
    let passed = (0..100_000).filter(|number| passes(&layer, by("mallory", invented(*number))));
    assert_eq!(passed.count(), 3);
    let stats = layer.handle().stats().store;
    assert_eq!((stats.keys, stats.overflowed), (1, 0));
    assert_eq!(how_many(&layer, || by("ada", call("dig"))), 3);
}

/// A rule whose key callers choose freely.
fn by_argument() -> Rule {
    let key = |call: &mcp_layers_rate_limit::Call<'_>| {
        Some(call.arguments.get("key")?.as_str()?.to_owned())
    };
    Rule::new("r", a_second(3)).key([KeyComponent::Principal, KeyComponent::custom(key)])
}

fn with_key(subject: &str, key: &str) -> JsonRpcRequest {
    by(
        subject,
        JsonRpcRequest::call_tool(1, "dig", json!({ "key": key })),
    )
}

fn bounded(max_keys: usize, max_keys_per_caller: usize) -> (RateLimitLayer, Clock) {
    let clock = Clock::manual();
    let store = MemoryStore::new().max_keys(max_keys).unwrap();
    let store = store.max_keys_per_caller(max_keys_per_caller).unwrap();
    let store = store.with_clock(clock.clone());
    (
        RateLimitLayer::with_store([by_argument()], store).unwrap(),
        clock,
    )
}

#[test]
fn a_flood_of_keys_stays_within_the_share_of_its_caller() {
    let (layer, _) = bounded(6_400, 100);
    let flood =
        (0..100_000).filter(|number| passes(&layer, with_key("mallory", &number.to_string())));
    // A share of 100 keys with one call each, and three calls of the bucket that the rest shares.
    assert_eq!(flood.count(), 100 + 3);
    assert_eq!(layer.handle().stats().store.keys, 101);
    for number in 0..1_000 {
        let honest = format!("user-{number}");
        assert_eq!(how_many(&layer, || with_key(&honest, "a")), 3, "{number}");
    }
}

#[test]
fn a_caller_that_is_blocked_gets_no_fresh_budget_when_its_keys_make_room() {
    let (layer, clock) = bounded(64, 2);
    let spend = |key: &str| how_many(&layer, || with_key("mallory", key));
    // Two keys are the share; the others are charged together.
    assert_eq!(spend("first"), 3);
    assert_eq!(spend("second"), 3);
    assert_eq!(spend("blocked"), 3);
    assert_eq!(spend("other"), 0);
    for number in 0..5 {
        passes(&layer, with_key(&format!("early-{number}"), "a"));
    }
    clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(spend("blocked"), 1);
    // The budgets of the share are full again, and others take their places: of 64 places, 8 were
    // used. Those of the early callers still can be taken.
    clock.advance(std::time::Duration::from_secs(2));
    for number in 0..56 + 2 {
        passes(&layer, with_key(&format!("user-{number}"), "a"));
    }
    let overflowed = layer.handle().stats().store.overflowed;
    assert_eq!(spend("blocked"), 2);
    // It has a key of its own now.
    assert_eq!(layer.handle().stats().store.overflowed, overflowed);
}

#[test]
fn tools_that_a_rule_names_exactly_are_known() {
    let (layer, _) = limiter([
        Rule::new("each", a_second(2)),
        Rule::new("digs", a_second(50))
            .tools(["dig", "db_*"])
            .key([]),
    ]);
    let bare = |tool: &str| by("ada", JsonRpcRequest::call_tool(1, tool, json!({})));
    assert_eq!(how_many(&layer, || bare("dig")), 2);
    assert_eq!(how_many(&layer, || bare("db_invented")), 2);
    assert_eq!(how_many(&layer, || bare("db_other")), 0);
}

#[test]
fn a_tool_that_the_catalog_layer_looks_up_has_its_budget_from_the_first_call() {
    let (layer, _) = limiter([Rule::new("r", a_second(3))]);
    let server = service_fn(|request: JsonRpcRequest| async move {
        let tools = json!({ "tools": [{ "name": "dig" }, { "name": "cut" }] });
        Ok::<_, std::convert::Infallible>(JsonRpcResponse::success(&request, tools))
    });
    let stack = CatalogLayer::new(Catalog::new())
        .look_up_at(server)
        .layer(layer.layer(Counting::default()));
    // A look-up has a deadline, and so needs tokio's timers.
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().build().unwrap();
    let send = |tool: &str| {
        let request = by("ada", JsonRpcRequest::call_tool(1, tool, json!({})));
        let response = runtime.block_on(stack.clone().oneshot(request)).unwrap();
        response.outcome().code().is_none()
    };
    for tool in ["dig", "cut"] {
        assert_eq!((0..10).filter(|_| send(tool)).count(), 3, "{tool}");
    }
    let invented = (0..100).filter(|number| send(&format!("inv{number}")));
    assert_eq!(invented.count(), 3);
}

#[test]
fn invented_tools_share_the_places_of_a_concurrency_limit() {
    let layer = ConcurrencyLimitLayer::new("in-flight", 2).unwrap();
    let layer = layer.key([KeyComponent::Principal, KeyComponent::Tool]);
    let mut service = layer.layer(MockService::answering(|_| Answer::never()));
    let mut tasks: Vec<_> = (0..100)
        .map(|number| Task::new(service.call(by("ada", invented(number)))))
        .collect();
    let in_flight = tasks
        .iter_mut()
        .filter_map(|task| task.poll().is_pending().then_some(()));
    assert_eq!(in_flight.count(), 2);
    let known = Task::new(service.call(by("ada", call("dig"))))
        .poll()
        .is_pending();
    assert!(known);
}

#[test]
fn anonymous_addresses_have_shares_of_their_own() {
    let store = MemoryStore::new()
        .max_keys(640)
        .unwrap()
        .with_clock(Clock::manual());
    let rule = Rule::new("r", a_second(2)).key([KeyComponent::ClientAddress]);
    let layer = RateLimitLayer::with_store([rule], store).unwrap();
    let from = |address: String| {
        let mut request = call("dig");
        let address = mcp_layers_rate_limit::ClientAddress(address.parse().unwrap());
        request.insert_extension(address);
        request
    };
    let flood =
        (0..5_000).filter(|number| passes(&layer, from(format!("2001:db8:1:{number:x}::1"))));
    assert_eq!(flood.count(), 10 + 2);
    for number in 0..100 {
        assert_eq!(how_many(&layer, || from(format!("192.0.2.{number}"))), 2);
    }
}
