//! The stack around the MCP server: the layers of the settings, in the recommended order.

use mcp_layers::{
    BoxError,
    config::{ConfigError, Layers, Secret, rate_limit::RateLimitSettings},
    rate_limit::RateLimitLayer,
    redis::{OnUnavailable, RedisConnection, RedisRateLimitStore},
    rmcp::RmcpLayers,
    util::{CancelLayer, CatchErrorLayer, CatchPanicLayer},
};
use tower::{ServiceBuilder, util::Either};

/// A rate limit whose budgets all replicas share.
pub(crate) type SharedLimit = RateLimitLayer<RedisRateLimitStore>;

/// Puts the budgets of the rules into Redis. While it is unavailable, each replica has its own.
pub(crate) fn shared_limit(
    settings: &RateLimitSettings,
    redis: &Secret,
) -> Result<SharedLimit, BoxError> {
    let connection = RedisConnection::new(&redis.read()?)?;
    let own = OnUnavailable::Local(settings.memory_store()?);
    Ok(settings.layer_with_store(RedisRateLimitStore::new(connection, own))?)
}

/// The layer of a table. This server has them all: one that you do not want goes from the code. With a
/// `ServiceBuilder::option_layer` for each, compiling would take long.
pub(crate) fn required<L>(layer: Option<L>, table: &str) -> Result<L, ConfigError> {
    layer.ok_or_else(|| ConfigError::new(table, "this table is required"))
}

/// The stack, from the outermost layer to the innermost.
pub(crate) fn stack(
    layers: Layers,
    shared: Option<SharedLimit>,
) -> Result<impl RmcpLayers, ConfigError> {
    let rate_limit = match shared {
        Some(shared) => Either::Left(shared),
        None => Either::Right(required(layers.rate_limit, "rate_limit")?),
    };
    Ok(ServiceBuilder::new()
        .layer(required(layers.trace, "trace")?)
        .layer(required(layers.timing, "timing")?)
        .layer(required(layers.events, "events")?)
        .layer(required(layers.audit, "audit")?)
        .layer(required(layers.error_mask, "error_mask")?)
        .layer(CatchErrorLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(required(layers.drain, "drain")?)
        .layer(CancelLayer::new())
        .layer(required(layers.authorize, "authorize")?)
        .layer(rate_limit)
        .layer(required(layers.concurrency_limit, "concurrency_limit")?)
        .layer(required(layers.cache, "cache")?)
        .layer(required(layers.retry, "retry")?)
        .layer(required(layers.circuit_breaker, "circuit_breaker")?)
        .layer(required(layers.timeout, "timeout")?)
        .into_inner())
}
