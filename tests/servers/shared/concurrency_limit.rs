//! The concurrency limit: calls in flight of all callers together.

use std::error::Error;

use mcp_layers::rate_limit::ConcurrencyLimitLayer;

use super::{
    layers::{PutAround, put},
    settings::{Flag, Settings},
};

const MAX_CALLS: Flag = Flag {
    name: "--max-calls",
    value: "N",
    help: "concurrency-limit: calls at once, of all callers together; 8 unless set",
};

pub(super) const FLAGS: &[Flag] = &[MAX_CALLS];

/// # Errors
/// A limit of zero.
pub(super) fn layer(settings: &Settings) -> Result<PutAround, Box<dyn Error>> {
    let max_calls = settings.parse(&MAX_CALLS)?.unwrap_or(8);
    put(ConcurrencyLimitLayer::new("calls", max_calls)?.key([]))
}
