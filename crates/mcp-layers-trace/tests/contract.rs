//! The rules of every layer.

mod common;

use common::Sdk;
use mcp_layers_test::Contract;
use mcp_layers_trace::TraceLayer;

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    Contract::new(TraceLayer::server).check().await;
    Contract::new(TraceLayer::client).check().await;
    let sdk = Sdk::new();
    Contract::new(|| sdk.server()).check().await;
    Contract::new(|| sdk.client()).adds_meta().check().await;
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn keeps_the_contract_with_tracing() {
    use mcp_layers_trace::Tracing;
    Contract::new(|| TraceLayer::server().backend(Tracing::new()))
        .check()
        .await;
    Contract::new(|| TraceLayer::client().backend(Tracing::new()))
        .check()
        .await;
}
