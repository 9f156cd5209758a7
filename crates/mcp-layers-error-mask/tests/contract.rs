//! The rules of every layer.

use mcp_layers_error_mask::{ErrorMaskLayer, Redactor};
use mcp_layers_test::Contract;

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    Contract::new(ErrorMaskLayer::new).check().await;
    Contract::new(ErrorMaskLayer::unmasked_for_development)
        .check()
        .await;
    Contract::new(|| ErrorMaskLayer::new().redactor(Redactor::internals()))
        .check()
        .await;
    Contract::new(|| ErrorMaskLayer::new().as_tool_error().keep_texts())
        .check()
        .await;
}
