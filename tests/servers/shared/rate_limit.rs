//! The rate limit: calls per principal and tool; with Redis, of all processes together.

use std::{error::Error, num::NonZeroU32, time::Duration};

use mcp_layers::{
    ConfigError,
    rate_limit::{MemoryStore, Quota, RateLimitLayer, RateLimitStore, Rule},
    redis::{OnUnavailable, RedisConnection, RedisRateLimitStore},
};

use super::{
    layers::{PutAround, put},
    settings::{Flag, Settings},
};

pub(super) const NAME: &str = "rate-limit";
pub(super) const FLAGS: &[Flag] = &[RATE, BURST, PERIOD, LIMITED, REDIS];

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
const PERIOD: Flag = Flag {
    name: "--period",
    value: "SECONDS",
    help: "rate-limit: one call in this time, in the place of --rate",
};
const LIMITED: Flag = Flag {
    name: "--limited",
    value: "TOOL",
    help: "rate-limit: limit this tool alone",
};
const REDIS: Flag = Flag {
    name: "--redis",
    value: "URL",
    help: "rate-limit, auth: all processes with this Redis share budgets and revocations",
};

/// The longest wait for Redis: a busy machine is not a Redis that is away.
const MAX_WAIT: Duration = Duration::from_secs(5);

const DEFAULT_RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
const DEFAULT_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

/// The Redis that processes share, if one is given.
pub(super) fn redis(settings: &Settings) -> Result<Option<RedisConnection>, ConfigError> {
    let connection = settings.get(&REDIS).map(RedisConnection::new).transpose()?;
    Ok(connection.map(|connection| connection.max_wait(MAX_WAIT)))
}

pub(super) fn layer(settings: &Settings) -> Result<PutAround, Box<dyn Error>> {
    let rate = settings.parse(&RATE)?.unwrap_or(DEFAULT_RATE);
    let burst = settings.parse(&BURST)?.unwrap_or(DEFAULT_BURST);
    let quota = match settings.parse(&PERIOD)? {
        Some(seconds) => Quota::with_period(Duration::from_secs(seconds)),
        None => Some(Quota::per_second(rate)),
    };
    let quota = quota.ok_or("--period is zero")?.allow_burst(burst);
    let mut rule = Rule::new("per-tool", quota);
    if let Some(tool) = settings.get(&LIMITED) {
        rule = rule.tools([tool]);
    }
    let Some(connection) = redis(settings)? else {
        return with_gauges(settings, RateLimitLayer::new([rule])?);
    };
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
