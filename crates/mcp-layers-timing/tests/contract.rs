//! The rules of every layer.
#![cfg(feature = "metrics")]

use mcp_layers_test::Contract;
use mcp_layers_timing::TimingLayer;

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    Contract::new(TimingLayer::server).check().await;
    Contract::new(TimingLayer::client).check().await;
}
