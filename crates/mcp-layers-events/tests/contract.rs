//! The rules of every layer.

use mcp_layers_events::EventsLayer;
use mcp_layers_test::Contract;

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    Contract::new(EventsLayer::new).check().await;
}
