//! Memory stays within its bounds.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use mcp_layers_cache::{CacheLayer, Eviction, Freshness, NotStored};
use mcp_layers_core::JsonRpcRequest;
use mcp_layers_test::{Answer, MockService, requests, results};
use serde_json::json;
use tower::Layer;

fn everyone() -> Freshness {
    Freshness::new(MINUTE).public()
}

#[tokio::test]
async fn a_million_keys_stay_within_the_bytes() {
    const MAX: u64 = 1 << 20;
    // A million take a minute without optimisation.
    const KEYS: u64 = if cfg!(debug_assertions) {
        100_000
    } else {
        1_000_000
    };
    let layer = CacheLayer::new()
        .max_capacity(usize::try_from(MAX).unwrap())
        .unwrap()
        .tool("echo", everyone())
        .unwrap();
    let text = "x".repeat(500);
    let service = layer.layer(tower::service_fn(move |request: JsonRpcRequest| {
        let answer = mcp_layers_core::JsonRpcResponse::success(&request, results::text(&text));
        std::future::ready(Ok::<_, std::convert::Infallible>(answer))
    }));
    let mut service = service;
    for number in 0..KEYS {
        use tower::Service;
        let call = service.call(requests::call_tool(1, "echo", json!({ "n": number })));
        call.await.unwrap();
        if number % 1_000 == 0 {
            let stats = layer.handle().stats();
            assert!(stats.bytes <= MAX, "{} bytes after {number}", stats.bytes);
        }
    }
    let stats = layer.handle().stats();
    assert!(
        stats.bytes <= MAX && stats.bytes > MAX / 2,
        "{} bytes",
        stats.bytes
    );
    assert!(stats.evicted(Eviction::Size) > KEYS * 9 / 10);
    assert_eq!(stats.evicted(Eviction::Size) + stats.entries, KEYS);
}

#[tokio::test]
async fn there_are_never_more_entries_than_allowed() {
    let layer = CacheLayer::new()
        .max_entries(10)
        .unwrap()
        .tool("echo", everyone())
        .unwrap();
    let service = layer.layer(MockService::new());
    for number in 0..100 {
        ask(&service, call(json!({ "n": number }))).await;
        assert!(layer.handle().stats().entries <= 10);
    }
    assert_eq!(layer.handle().stats().entries, 10);
}

#[tokio::test]
async fn a_result_larger_than_the_largest_entry_passes() {
    let layer = CacheLayer::new()
        .max_entry_bytes(1_000)
        .unwrap()
        .tool("echo", everyone())
        .unwrap();
    let mock = MockService::answering(|request: &JsonRpcRequest| {
        let bytes = request.params()["arguments"]["bytes"].as_u64().unwrap_or(0);
        Answer::result(results::text(&"x".repeat(usize::try_from(bytes).unwrap())))
    });
    let service = layer.layer(mock.clone());
    for (bytes, calls) in [(100, 1), (2_000, 3), (100_000_000, 5)] {
        for _ in 0..2 {
            let answer = ask(&service, call(json!({ "bytes": bytes }))).await;
            let text = answer.result().unwrap()["content"][0]["text"].clone();
            assert_eq!(text.as_str().unwrap().len(), bytes);
        }
        assert_eq!(mock.calls(), calls);
    }
    let stats = layer.handle().stats();
    assert_eq!(stats.not_stored(NotStored::TooLarge), 4);
    assert!(stats.entries == 1 && stats.bytes < 1_000);
    // Params of that size make no key.
    let large = call(json!({ "text": "x".repeat(2_000) }));
    ask(&service, large).await;
    assert_eq!(
        layer
            .handle()
            .stats()
            .bypassed(mcp_layers_core::trail::BypassReason::TooLarge),
        1
    );
}

#[tokio::test]
async fn entries_that_go_free_their_bytes() {
    let (layer, clock) = layer();
    let service = layer.layer(MockService::new());
    let request = || by("ada", call(json!({})));
    ask(&service, request()).await;
    let one = layer.handle().stats().bytes;
    assert!(one > 0);
    clock.advance(MINUTE);
    ask(&service, request()).await;
    assert_eq!(layer.handle().stats().bytes, one);
    layer.handle().invalidate_all();
    assert_eq!(layer.handle().stats().bytes, 0);
}

#[test]
fn a_bound_of_zero_is_a_config_error() {
    assert!(CacheLayer::new().max_capacity(0).is_err());
    assert!(CacheLayer::new().max_entries(0).is_err());
    assert!(CacheLayer::new().max_entry_bytes(0).is_err());
}

#[test]
#[should_panic(expected = "after it had made a handle")]
fn a_setter_cannot_detach_a_handle() {
    let layer = CacheLayer::new();
    let _handle = layer.handle();
    let _ = layer.report_in_meta();
}
