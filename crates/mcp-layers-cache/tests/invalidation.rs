//! What the server or the operator says is out of date.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use mcp_layers_cache::{CacheHandle, CacheLayer, Eviction, NotStored};
use mcp_layers_core::{CacheScope, JsonRpcNotification, JsonRpcRequest, McpError, Method};
use mcp_layers_test::{Answer, Gate, Task, requests, results};
use serde_json::json;
use tower::{Layer, Service};

fn notification(method: &'static str, params: serde_json::Value) -> JsonRpcNotification {
    JsonRpcNotification::new(method, params)
}

/// Everything that the cache may hold, and what each notification empties.
#[tokio::test]
async fn a_notification_empties_what_it_announces() {
    let kept = [
        list(),
        requests::page(1, Method::ListTools, "a"),
        requests::of(1, Method::ListPrompts),
        requests::of(1, Method::ListResources),
        requests::of(1, Method::ListResourceTemplates),
        read("file:///a"),
        read("file:///a/b"),
        by("ada", call(json!({}))),
    ];
    let updated = json!({ "uri": "file:///a" });
    let cases = [
        ("notifications/tools/list_changed", json!({}), &[0, 1][..]),
        ("notifications/prompts/list_changed", json!({}), &[2]),
        ("notifications/resources/list_changed", json!({}), &[3, 4]),
        ("notifications/resources/updated", updated, &[5]),
        ("notifications/resources/updated", json!({}), &[5, 6]),
        ("notifications/message", json!({}), &[]),
        ("notifications/vendor", json!({}), &[]),
    ];
    for (method, params, emptied) in cases {
        let (layer, _) = layer();
        let mock = counting(CacheScope::Public);
        let service = layer.layer(mock.clone());
        for (number, request) in kept.iter().enumerate() {
            assert_eq!(
                run_of(&service, request.clone()).await,
                (number + 1).to_string()
            );
        }
        layer.handle().observe(&notification(method, params));
        let mut gone = Vec::new();
        for (number, request) in kept.iter().enumerate() {
            let run = run_of(&service, request.clone()).await;
            if run != (number + 1).to_string() {
                gone.push(number);
            }
        }
        assert_eq!(gone, emptied, "{method}");
        let evicted = layer.handle().stats().evicted(Eviction::Invalidated);
        assert_eq!(evicted, emptied.len() as u64, "{method}");
    }
}

#[tokio::test]
async fn an_update_can_be_about_all_that_begins_so() {
    let (layer, _) = layer();
    let layer = layer.updates_are_prefixes();
    let service = layer.layer(counting(CacheScope::Public));
    for (uri, run) in [("file:///a", "1"), ("file:///a/b", "2"), ("file:///b", "3")] {
        assert_eq!(run_of(&service, read(uri)).await, run);
    }
    let params = json!({ "uri": "file:///a" });
    layer
        .handle()
        .observe(&notification("notifications/resources/updated", params));
    for (uri, run) in [("file:///a", "4"), ("file:///a/b", "5"), ("file:///b", "3")] {
        assert_eq!(run_of(&service, read(uri)).await, run);
    }
}

type Invalidate = fn(&CacheHandle);

#[tokio::test]
async fn the_handle_empties_by_method_target_prefix_principal_and_all() {
    let kept = || {
        [
            list(),
            read("file:///a"),
            read("file:///b"),
            by("ada", call(json!({}))),
            by("bob", call(json!({}))),
        ]
    };
    let cases: [(Invalidate, &[usize]); 5] = [
        (|it| it.invalidate_method(Method::ReadResource), &[1, 2]),
        (
            |it| it.invalidate_target(Method::ReadResource, "file:///a"),
            &[1],
        ),
        (|it| it.invalidate_uri_prefix("file:///b"), &[2]),
        (|it| it.invalidate_principal(&principal("ada")), &[3]),
        (CacheHandle::invalidate_all, &[0, 1, 2, 3, 4]),
    ];
    for (case, (invalidate, emptied)) in cases.into_iter().enumerate() {
        let (layer, _) = layer();
        let service = layer.layer(counting(CacheScope::Public));
        for request in kept() {
            ask(&service, request).await;
        }
        invalidate(&layer.handle());
        let mut gone = Vec::new();
        for (number, request) in kept().into_iter().enumerate() {
            if run_of(&service, request).await != (number + 1).to_string() {
                gone.push(number);
            }
        }
        assert_eq!(gone, emptied, "case {case}");
    }
}

#[tokio::test]
async fn c7_an_answer_that_was_under_way_during_an_invalidation_is_not_stored() {
    let cases: [(Invalidate, JsonRpcRequest); 5] = [
        (|it| it.invalidate_method(Method::ListTools), list()),
        (
            |it| it.observe(&notification("notifications/tools/list_changed", json!({}))),
            list(),
        ),
        (|it| it.invalidate_uri_prefix("file:"), read("file:///a")),
        (
            |it| it.invalidate_principal(&principal("ada")),
            call(json!({})),
        ),
        (CacheHandle::invalidate_all, call(json!({}))),
    ];
    for (invalidate, request) in cases {
        let request = || by("ada", request.clone());
        let (layer, _) = layer();
        let mock = counting(CacheScope::Public);
        let mut service = layer.layer(mock.clone());
        let gate = Gate::closed();
        let old = json!({ "content": [{ "text": "old" }], "count": "old" });
        mock.push(
            Answer::result(results::fresh_for(old, 60_000, CacheScope::Public)).behind(&gate),
        );
        let mut slow = Task::new(service.call(request()));
        assert!(slow.poll().is_pending());

        invalidate(&layer.handle());
        // Whoever asks now does not wait for what is out of date.
        assert_eq!(run_of(&service, request()).await, "1");
        gate.open();
        assert!(slow.poll().is_ready());
        assert_eq!(run_of(&service, request()).await, "1");
        assert_eq!(layer.handle().stats().not_stored(NotStored::Invalidated), 1);
        assert_eq!(mock.calls(), 2);
    }
}

#[tokio::test]
async fn a_cursor_that_the_server_does_not_know_drops_every_page_of_that_list() {
    let (layer, _) = layer();
    let mock = counting(CacheScope::Public);
    let service = layer.layer(mock.clone());
    let page = |cursor: &str| requests::page(1, Method::ListTools, cursor);
    assert_eq!(run_of(&service, list()).await, "1");
    assert_eq!(run_of(&service, page("a")).await, "2");
    assert_eq!(run_of(&service, read("file:///a")).await, "3");
    // Other errors, and the same one without a cursor, say nothing of the pages.
    for (request, code) in [(page("x"), -32603), (read("file:///none"), -32602)] {
        mock.push(Answer::error(McpError::new(code, "no")));
        ask(&service, request).await;
    }
    assert_eq!(run_of(&service, list()).await, "1");
    mock.push(Answer::error(McpError::new(-32602, "no such cursor")));
    ask(&service, page("b")).await;
    assert_eq!(run_of(&service, list()).await, "4");
    assert_eq!(run_of(&service, page("a")).await, "5");
    assert_eq!(run_of(&service, read("file:///a")).await, "3");
}

#[tokio::test]
async fn two_layers_share_nothing_and_clones_of_one_share_all() {
    let mock = counting(CacheScope::Public);
    let layer = CacheLayer::new();
    let (one, two) = (layer.layer(mock.clone()), layer.clone().layer(mock.clone()));
    let other = CacheLayer::new().layer(mock);
    let runs = [
        run(&ask(&one, list()).await),
        run(&ask(&two, list()).await),
        run(&ask(&other, list()).await),
    ];
    assert_eq!(runs, ["1", "1", "2"]);
    let stats = layer.handle().stats();
    assert_eq!((stats.hits, stats.misses, stats.entries), (1, 1, 1));
}
