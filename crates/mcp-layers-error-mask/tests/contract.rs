//! The rules of every layer.

use mcp_layers_error_mask::{ErrorMaskLayer, Scrub};
use mcp_layers_test::Contract;

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    Contract::new(ErrorMaskLayer::new).check().await;
    Contract::new(ErrorMaskLayer::unmasked_for_development)
        .check()
        .await;
    Contract::new(|| ErrorMaskLayer::new().scrub(Scrub::internals()))
        .check()
        .await;
}
