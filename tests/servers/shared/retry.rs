//! Retry, circuit breaker and timeout, built from their flags.

use std::{error::Error, num::NonZeroU32, time::Duration};

use mcp_layers::{circuit_breaker::CircuitBreakerLayer, retry::RetryLayer, timeout::TimeoutLayer};

use super::{
    layers::{PutAround, put},
    settings::{Flag, Settings},
};

const ATTEMPTS: Flag = Flag {
    name: "--retry-attempts",
    value: "N",
    help: "most attempts, the first included (3)",
};
const OPEN_FOR: Flag = Flag {
    name: "--circuit-open-ms",
    value: "MS",
    help: "time for which a circuit stays open (30000)",
};
const MAXIMUM: Flag = Flag {
    name: "--timeout-ms",
    value: "MS",
    help: "longest time of a request (30000)",
};

pub(crate) const FLAGS: &[Flag] = &[ATTEMPTS];
pub(crate) const CIRCUIT_FLAGS: &[Flag] = &[OPEN_FOR];
pub(crate) const TIMEOUT_FLAGS: &[Flag] = &[MAXIMUM];

type Made = Result<PutAround, Box<dyn Error>>;

/// These servers are the operator's own, so that the annotations of their tools are trusted.
pub(crate) fn retry(settings: &Settings) -> Made {
    let attempts = settings.parse(&ATTEMPTS)?;
    let retry = RetryLayer::new(attempts.unwrap_or(NonZeroU32::MIN.saturating_add(2)))
        .repeatable_tools(["flaky"])?
        .trust_hints();
    put(retry)
}

pub(crate) fn circuit_breaker(settings: &Settings) -> Made {
    let open_for = settings.parse(&OPEN_FOR)?.map(Duration::from_millis);
    let open_for = open_for.unwrap_or(Duration::from_secs(30));
    circuits(settings, CircuitBreakerLayer::new().open_for(open_for))
}

/// Puts the layer into the stack, with its gauges.
pub(super) fn circuits(settings: &Settings, layer: CircuitBreakerLayer) -> Made {
    let handle = layer.handle();
    settings.gauges(move |gauges| {
        for status in handle.circuits() {
            gauges.circuit(&status.circuit, status.state);
        }
    });
    put(layer)
}

pub(crate) fn timeout(settings: &Settings) -> Made {
    let maximum = settings.parse(&MAXIMUM)?.map(Duration::from_millis);
    put(TimeoutLayer::new(
        maximum.unwrap_or(Duration::from_secs(30)),
    ))
}
