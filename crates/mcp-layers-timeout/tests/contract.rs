//! The rules of every layer.

use std::time::Duration;

use mcp_layers_test::Contract;
use mcp_layers_timeout::TimeoutLayer;

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    let hour = Duration::from_secs(3600);
    Contract::new(|| TimeoutLayer::new(hour)).check().await;
    Contract::new(|| TimeoutLayer::new(hour).idle(hour))
        .check()
        .await;
}
