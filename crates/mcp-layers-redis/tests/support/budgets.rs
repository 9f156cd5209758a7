//! A rate limit whose budgets are in Redis, and calls of it.
#![allow(dead_code, clippy::unwrap_used)]

use std::{num::NonZeroU32, time::Duration};

use mcp_layers_core::{JsonRpcResponse, McpResponse};
use mcp_layers_rate_limit::{Quota, RateLimitHandle, RateLimitLayer, Rule};
use mcp_layers_redis::{OnUnavailable, RedisConnection, RedisRateLimitStore};
use mcp_layers_test::{MockService, requests};
use serde_json::json;
use tower::{Layer, ServiceExt};

pub(crate) type Limiter = RateLimitLayer<RedisRateLimitStore>;
pub(crate) type Handle = RateLimitHandle<RedisRateLimitStore>;

/// So many calls, and then one an hour.
pub(crate) fn hourly(burst: u32) -> Quota {
    let quota = Quota::with_period(Duration::from_secs(3_600)).unwrap();
    quota.allow_burst(NonZeroU32::new(burst).unwrap())
}

/// So many calls of each rule, and then one an hour.
pub(crate) fn limiter(
    connection: RedisConnection,
    on_unavailable: OnUnavailable,
    burst: u32,
    rules: &[&'static str],
) -> (Limiter, Handle) {
    let rules = rules
        .iter()
        .map(|name| Rule::new(*name, hourly(burst)).key([]));
    let store = RedisRateLimitStore::new(connection, on_unavailable);
    let layer = RateLimitLayer::with_store(rules, store).unwrap();
    let handle = layer.handle();
    (layer, handle)
}

pub(crate) async fn send(layer: &Limiter) -> JsonRpcResponse {
    let service = layer.layer(MockService::new());
    let request = requests::call_tool(1, "dig", json!({}));
    service.oneshot(request).await.unwrap()
}

pub(crate) async fn code(layer: &Limiter) -> Option<i32> {
    send(layer).await.outcome().code()
}
