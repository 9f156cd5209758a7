//! A limit that no bench reaches.

use std::num::NonZeroU32;

use mcp_layers_rate_limit::{Quota, RateLimitLayer, Rule};

/// A budget for each principal and tool, which is never spent.
pub(crate) fn rate_limit() -> RateLimitLayer {
    let quota = Quota::per_second(NonZeroU32::MAX);
    RateLimitLayer::new([Rule::new("bench", quota)]).expect("a rule that can limit")
}
