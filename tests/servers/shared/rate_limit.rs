//! The rate limit: calls per principal and tool; with Redis, of all processes together.

use std::{error::Error, num::NonZeroU32};

use mcp_layers::{
    rate_limit::{MemoryStore, Quota, RateLimitLayer, RateLimitStore, Rule},
    redis::{OnUnavailable, RedisConnection, RedisRateLimitStore},
};

use super::{
    layers::{PutAround, put},
    settings::{Flag, Settings},
};

pub(super) const NAME: &str = "rate-limit";
pub(super) const FLAGS: &[Flag] = &[RATE, BURST, REDIS];

const RATE: Flag = Flag {
    name: "--rate",
    value: "N",
    help: "rate-limit: calls a second, per principal and tool; 10 unless set",
};
const BURST: Flag = Flag {
    name: "--burst",
    value: "N",
    help: "rate-limit: calls at once; 5 unless set",
};
const REDIS: Flag = Flag {
    name: "--redis",
    value: "URL",
    help: "rate-limit: share the budgets of all processes that have this Redis",
};

const DEFAULT_RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
const DEFAULT_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

pub(super) fn layer(settings: &Settings) -> Result<PutAround, Box<dyn Error>> {
    let rate = settings.parse(&RATE)?.unwrap_or(DEFAULT_RATE);
    let burst = settings.parse(&BURST)?.unwrap_or(DEFAULT_BURST);
    let rule = Rule::new("per-tool", Quota::per_second(rate).allow_burst(burst));
    let Some(address) = settings.get(&REDIS) else {
        return with_gauges(settings, RateLimitLayer::new([rule])?);
    };
    let connection = RedisConnection::new(address)?;
    // While Redis is unavailable, each process has budgets of its own.
    let on_unavailable = OnUnavailable::Local(MemoryStore::new());
    let store = RedisRateLimitStore::new(connection, on_unavailable);
    with_gauges(settings, RateLimitLayer::with_store([rule], store)?)
}

/// Puts the layer into the stack, with its gauges.
pub(super) fn with_gauges<S>(
    settings: &Settings,
    layer: RateLimitLayer<S>,
) -> Result<PutAround, Box<dyn Error>>
where
    S: RateLimitStore,
{
    let handle = layer.handle();
    settings.gauges(move |gauges| {
        let store = handle.stats().store;
        gauges.set("mcp_layers.rate_limit.keys", store.keys as f64);
        let unavailable = f64::from(u8::from(store.is_unavailable));
        gauges.set("mcp_layers.rate_limit.store_unavailable", unavailable);
    });
    put(layer)
}
