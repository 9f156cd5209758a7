//! The rules of every layer.
#![allow(clippy::unwrap_used)]

mod common;

use common::{a_second, n};
use mcp_layers_rate_limit::{ConcurrencyLimitLayer, Quota, RateLimitLayer, Rule};
use mcp_layers_test::Contract;

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    let rules = || {
        [
            Rule::new("often", Quota::per_second(n(1_000_000))),
            Rule::new("all", a_second(1_000_000)).key([]),
        ]
    };
    Contract::new(|| RateLimitLayer::new(rules()).unwrap())
        .check()
        .await;
    Contract::new(|| RateLimitLayer::new(rules()).unwrap().as_tool_error())
        .check()
        .await;
    Contract::new(|| {
        ConcurrencyLimitLayer::new("b", 100)
            .unwrap()
            .max_long_lived(100)
            .unwrap()
    })
    .check()
    .await;
}
