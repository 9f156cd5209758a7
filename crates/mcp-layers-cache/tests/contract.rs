//! The rules of every layer.

use std::time::Duration;

use mcp_layers_cache::{AuthorizationContext, CacheLayer, Freshness};
use mcp_layers_core::Method;
use mcp_layers_test::Contract;
use mcp_layers_test::requests::TOOL;

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    Contract::new(CacheLayer::new).check().await;
}

#[tokio::test]
async fn keeps_the_contract_with_a_tool_and_lists_that_are_cached() {
    let minute = Freshness::new(Duration::from_secs(60));
    let layer = move || {
        CacheLayer::new()
            .context(AuthorizationContext::Subject)
            .tool(TOOL, minute)
            .unwrap()
            .stale_if_error(Duration::from_secs(60))
            .override_for(Method::ListTools, minute)
            .unwrap()
    };
    Contract::new(layer).check().await;
}
