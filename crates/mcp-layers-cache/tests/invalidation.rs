//! Invalidation by the server and by the operator.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use mcp_layers_cache::{CacheHandle, CacheLayer, Eviction, NotStored};
use mcp_layers_core::{
    JsonRpcRequest, McpError, Method, json_rpc::JsonRpcNotification, response::CacheScope,
};
use mcp_layers_test::{Answer, Gate, Task, requests, results};
use serde_json::json;
use tower::{Layer, Service};

fn notification(method: &'static str, params: serde_json::Value) -> JsonRpcNotification {
    JsonRpcNotification::new(method, params)
}

/// Everything that the cache may hold, and what each notification empties.
#[tokio::test]
async fn a_notification_invalidates_what_it_announces() {
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
async fn an_update_can_be_about_a_uri_prefix() {
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
async fn the_handle_invalidates_by_method_target_prefix_principal_and_all() {
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
async fn an_answer_that_was_under_way_during_an_invalidation_is_not_stored() {
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

/// A page of a list, with the cursor of the next one.
fn page_before(cursor: &str, count: &str, scope: CacheScope) -> Answer {
    let page = json!({ "tools": [], "nextCursor": cursor, "count": count });
    Answer::result(results::fresh_for(page, 60_000, scope))
}

fn refused() -> Answer {
    Answer::error(McpError::new(-32602, "no such cursor"))
}

#[tokio::test]
async fn a_cursor_that_the_server_refuses_drops_every_page_of_that_list() {
    let (layer, _) = layer();
    let mock = counting(CacheScope::Public);
    let service = layer.layer(mock.clone());
    let page = |cursor: &str| requests::page(1, Method::ListTools, cursor);
    mock.push(page_before("a", "first", CacheScope::Public));
    mock.push(page_before("b", "second", CacheScope::Public));
    assert_eq!(run_of(&service, list()).await, "first");
    assert_eq!(run_of(&service, page("a")).await, "second");
    assert_eq!(run_of(&service, read("file:///a")).await, "1");
    // Other errors, and the same one without a cursor, drop no pages.
    for (request, code) in [(page("b"), -32603), (read("file:///none"), -32602)] {
        mock.push(Answer::error(McpError::new(code, "no")));
        ask(&service, request).await;
    }
    assert_eq!(run_of(&service, list()).await, "first");
    mock.push(refused());
    ask(&service, page("b")).await;
    assert_eq!(run_of(&service, list()).await, "2");
    assert_eq!(run_of(&service, page("a")).await, "3");
    assert_eq!(run_of(&service, read("file:///a")).await, "1");
    // The cursor belonged to a page that was dropped: it drops no page again.
    mock.push(refused());
    ask(&service, page("b")).await;
    assert_eq!(run_of(&service, list()).await, "2");
}

#[tokio::test]
async fn a_made_up_cursor_drops_no_page_of_another_caller() {
    let (layer, _) = layer();
    let mock = counting(CacheScope::Private);
    let service = layer.layer(mock.clone());
    let page = |cursor: &str| requests::page(1, Method::ListTools, cursor);
    let prompts = || requests::of(1, Method::ListPrompts);
    mock.push(page_before("a", "public", CacheScope::Public));
    assert_eq!(run_of(&service, by("ada", list())).await, "public");
    assert_eq!(run_of(&service, by("ada", page("a"))).await, "1");
    assert_eq!(run_of(&service, by("eve", page("a"))).await, "2");
    assert_eq!(run_of(&service, by("eve", prompts())).await, "3");
    for made_up in 0..100 {
        mock.push(refused());
        ask(&service, by("eve", page(&format!("made up {made_up}")))).await;
    }
    assert_eq!(run_of(&service, by("bob", list())).await, "public");
    assert_eq!(run_of(&service, by("ada", page("a"))).await, "1");
    // Of Eve's own pages of that list none is left: the server may have changed it.
    assert_eq!(run_of(&service, by("eve", page("a"))).await, "4");
    assert_eq!(run_of(&service, by("eve", prompts())).await, "3");
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
