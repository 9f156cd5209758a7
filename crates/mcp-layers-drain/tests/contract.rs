//! The rules of every layer.

use mcp_layers_drain::DrainLayer;
use mcp_layers_test::Contract;

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    Contract::new(DrainLayer::new).check().await;
}
