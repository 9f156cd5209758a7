//! The stack around the MCP server: the layers of the settings, in the recommended order.

use mcp_layers::{
    config::{Layers, Secret, rate_limit::RateLimitSettings},
    BoxError,
    rate_limit::{MemoryStore, RateLimitLayer},
    redis::{OnUnavailable, RedisConnection, RedisRateLimitStore},
    rmcp::RmcpLayers,
    util::{CancelLayer, CatchErrorLayer, CatchPanicLayer},
};
use tower::ServiceBuilder;

/// A rate limit whose budgets all replicas share.
pub(crate) type SharedLimit = RateLimitLayer<RedisRateLimitStore>;

/// Puts the budgets of the rules into Redis. While it is unavailable, each replica has its own.
pub(crate) fn shared_limit(
    settings: &RateLimitSettings,
    redis: &Secret,
) -> Result<SharedLimit, BoxError> {
    let connection = RedisConnection::new(&redis.read()?)?;
    let store = RedisRateLimitStore::new(connection, OnUnavailable::Local(MemoryStore::new()));
    Ok(RateLimitLayer::with_store(settings.rules()?, store)?)
}

/// The stack, from the outermost layer to the innermost.
pub(crate) fn stack(layers: Layers, shared: Option<SharedLimit>) -> impl RmcpLayers {
    let memory = layers.rate_limit.filter(|_| shared.is_none());
    ServiceBuilder::new()
        .option_layer(layers.trace)
        .option_layer(layers.timing)
        .option_layer(layers.events)
        .option_layer(layers.audit)
        .option_layer(layers.error_mask)
        .layer(CatchErrorLayer::new())
        .layer(CatchPanicLayer::new())
        .option_layer(layers.drain)
        .layer(CancelLayer::new())
        .option_layer(layers.authorize)
        .option_layer(memory)
        .option_layer(shared)
        .option_layer(layers.concurrency_limit)
        .option_layer(layers.cache)
        .option_layer(layers.retry)
        .option_layer(layers.circuit_breaker)
        .option_layer(layers.timeout)
        .into_inner()
}
