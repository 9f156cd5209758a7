//! The caching of the protocol: by the hints of the six cacheable results.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::*;
use mcp_layers_cache::{CacheLayer, Freshness, META_KEY, NotStored};
use mcp_layers_core::{
    JsonRpcRequest, McpRequest, McpResponse, Method,
    response::{CacheHint, CacheScope},
    trail::CacheEvent,
};
use mcp_layers_test::{MockService, requests, results};
use serde_json::json;
use tower::Layer;

/// The methods whose results the protocol calls cacheable.
const CACHEABLE: [Method<'static>; 6] = [
    Method::Discover,
    Method::ListTools,
    Method::ListPrompts,
    Method::ListResources,
    Method::ListResourceTemplates,
    Method::ReadResource,
];

#[tokio::test]
async fn a_public_answer_is_given_again_until_its_time_is_over() {
    for method in CACHEABLE {
        let (service, mock, clock) = service(CacheScope::Public);
        let request = || requests::of(7, method);
        let first = ask(&service, request()).await;
        assert_eq!(event(&first), Some(CacheEvent::Miss));
        clock.advance(MINUTE - Duration::from_millis(1));
        let second = ask(&service, requests::of("other", method)).await;
        let age = MINUTE - Duration::from_millis(1);
        assert_eq!(event(&second), Some(CacheEvent::Hit { age }), "{method}");
        assert_eq!(run(&second), run(&first), "{method}");
        assert_eq!(
            second.id(),
            mcp_layers_core::request::RequestId::String("other")
        );
        assert_eq!(mock.calls(), 1, "{method}");
        clock.advance(Duration::from_millis(1));
        assert_eq!(run_of(&service, request()).await, "2", "{method}");
    }
}

#[tokio::test]
async fn nothing_else_is_cached_whatever_its_hints_say() {
    let hinted = |request: &JsonRpcRequest| {
        results::fresh_for(results::of(request), 60_000, CacheScope::Public)
    };
    let mock = MockService::answering(hinted);
    let service = CacheLayer::new().layer(mock.clone());
    let all = requests::every_method();
    let others = all
        .iter()
        .filter(|request| !CACHEABLE.contains(&McpRequest::method(*request)));
    for (number, request) in others.enumerate() {
        for time in 1..=2 {
            ask(&service, by("ada", request.clone())).await;
            assert_eq!(mock.calls(), number * 2 + time, "{}", request.method());
        }
    }
}

#[tokio::test]
async fn a_late_hit_has_less_time_to_live_and_is_the_same_in_all_else() {
    let (service, _, clock) = service(CacheScope::Public);
    let first = ask(&service, list()).await;
    clock.advance(Duration::from_millis(12_345));
    let late = ask(&service, list()).await;
    assert_eq!(late.cache_hint().ttl_ms, Some(60_000 - 12_345));
    let mut expected = first.result().unwrap().clone();
    expected["ttlMs"] = json!(60_000 - 12_345);
    assert_eq!(late.result().unwrap(), &expected);
    // What is stored is as it was.
    clock.advance(Duration::from_millis(1));
    assert_eq!(
        ask(&service, list()).await.cache_hint().ttl_ms,
        Some(60_000 - 12_346)
    );
}

#[tokio::test]
async fn an_answer_without_a_time_to_live_is_stale_at_once() {
    for hint in [
        json!({}),
        json!({ "ttlMs": 0 }),
        json!({ "ttlMs": -5, "cacheScope": "public" }),
    ] {
        let mock = MockService::answering(move |request: &JsonRpcRequest| {
            let mut result = results::of(request);
            result
                .as_object_mut()
                .unwrap()
                .extend(hint.as_object().unwrap().clone());
            result
        });
        let layer = CacheLayer::new();
        let service = layer.layer(mock.clone());
        ask(&service, by("ada", list())).await;
        ask(&service, by("ada", list())).await;
        assert_eq!(mock.calls(), 2);
        assert_eq!(layer.handle().stats().not_stored(NotStored::StaleAtOnce), 2);
    }
}

#[tokio::test]
async fn hostile_times_are_capped_and_never_panic() {
    for ttl in [
        json!(u64::MAX),
        json!(i64::MAX),
        json!(1e300),
        json!("60000"),
        json!(-1e300),
    ] {
        let hostile = ttl.clone();
        let mock = MockService::answering(move |request: &JsonRpcRequest| {
            let mut result = results::fresh_for(results::of(request), 1, CacheScope::Public);
            result["ttlMs"] = hostile.clone();
            result
        });
        let (layer, clock) = layer();
        let service = layer.max_time_to_live(MINUTE).layer(mock.clone());
        ask(&service, list()).await;
        ask(&service, list()).await;
        let kept = ttl.is_u64();
        assert_eq!(mock.calls(), if kept { 1 } else { 2 }, "{ttl}");
        clock.advance(MINUTE);
        ask(&service, list()).await;
        assert_eq!(mock.calls(), if kept { 2 } else { 3 }, "{ttl}");
    }
}

#[tokio::test]
async fn another_version_cursor_or_capability_is_another_key() {
    let (service, mock, _) = service(CacheScope::Public);
    let different = [
        list(),
        list().with_protocol_version("2025-06-18"),
        requests::modern(list()),
        requests::page(1, Method::ListTools, ""),
        requests::page(1, Method::ListTools, "a"),
        list().with_params(json!({
            "_meta": { "io.modelcontextprotocol/clientCapabilities": { "roots": {} } }
        })),
    ];
    for (number, request) in different.iter().enumerate() {
        assert_eq!(
            run_of(&service, request.clone()).await,
            (number + 1).to_string()
        );
    }
    for (number, request) in different.iter().enumerate() {
        assert_eq!(
            run_of(&service, request.clone()).await,
            (number + 1).to_string()
        );
    }
    assert_eq!(mock.calls(), different.len());
}

#[tokio::test]
async fn an_empty_list_is_cached() {
    let mock = MockService::answering(|_: &JsonRpcRequest| {
        results::fresh_for(results::tools([]), 1_000, CacheScope::Public)
    });
    let service = CacheLayer::new().layer(mock.clone());
    for _ in 0..3 {
        ask(&service, list()).await;
    }
    assert_eq!(mock.calls(), 1);
}

#[tokio::test]
async fn the_operators_settings_take_precedence_over_hints() {
    let (layer, clock) = layer();
    let mock = counting(CacheScope::Private);
    let service = layer
        .override_for(
            Method::ReadResource,
            Freshness::new(Duration::from_secs(5)).public(),
        )
        .unwrap()
        .resource("file:///never", Duration::ZERO)
        .resource("file:///long", Freshness::new(MINUTE * 10).public())
        .layer(mock.clone());
    assert_eq!(run_of(&service, read("file:///a")).await, "1");
    assert_eq!(run_of(&service, by("ada", read("file:///a"))).await, "1");
    assert_eq!(run_of(&service, read("file:///never")).await, "2");
    assert_eq!(run_of(&service, read("file:///never")).await, "3");
    assert_eq!(run_of(&service, read("file:///long")).await, "4");
    clock.advance(MINUTE * 9);
    assert_eq!(run_of(&service, read("file:///a")).await, "5");
    assert_eq!(run_of(&service, read("file:///long")).await, "4");
    for method in [
        Method::CallTool,
        Method::Ping,
        Method::Listen,
        Method::Initialize,
    ] {
        assert!(
            CacheLayer::new().override_for(method, MINUTE).is_err(),
            "{method}"
        );
        assert!(
            CacheLayer::new()
                .default_hint(method, CacheHint::default())
                .is_err(),
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_default_hint_fills_in_where_the_server_has_none() {
    let stamp = CacheHint::new(Some(9_000), Some(CacheScope::Public));
    let (layer, clock) = layer();
    let mock = MockService::new();
    let service = layer
        .default_hint(Method::ListTools, stamp)
        .unwrap()
        .layer(mock.clone());
    let modern = || requests::modern(list());
    assert_eq!(ask(&service, modern()).await.cache_hint(), stamp);
    clock.advance(Duration::from_secs(4));
    let late = ask(&service, modern()).await.cache_hint();
    assert_eq!(late, CacheHint::new(Some(5_000), Some(CacheScope::Public)));
    assert_eq!(mock.calls(), 1);
    // A legacy client does not know hints; a server that has its own keeps them.
    assert_eq!(
        ask(&service, list()).await.cache_hint(),
        CacheHint::default()
    );
    mock.push(results::fresh_for(
        results::tools(["a"]),
        1,
        CacheScope::Private,
    ));
    clock.advance(MINUTE);
    assert_eq!(ask(&service, modern()).await.cache_hint().ttl_ms, Some(1));
}

#[tokio::test]
async fn the_result_reports_hits_and_misses_where_it_is_asked_to() {
    let (layer, clock) = layer();
    let service = layer.report_in_meta().layer(counting(CacheScope::Public));
    let said = |response: &mcp_layers_core::JsonRpcResponse| {
        response.result().unwrap()["_meta"][META_KEY].clone()
    };
    assert_eq!(
        said(&ask(&service, list()).await),
        json!({ "state": "miss" })
    );
    clock.advance(Duration::from_millis(1_500));
    let hit = ask(&service, list()).await;
    assert_eq!(said(&hit), json!({ "state": "hit", "ageMs": 1_500 }));
    let bypass = ask(&service, by("ada", requests::continuation(call(json!({}))))).await;
    assert_eq!(
        said(&bypass),
        json!({ "state": "bypass", "reason": "continuation" })
    );
    let (plain, _, _) = common::service(CacheScope::Public);
    assert_eq!(
        ask(&plain, list()).await.result().unwrap().get("_meta"),
        None
    );
}
