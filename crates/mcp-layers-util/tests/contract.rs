//! The layers of this crate keep the contract that every layer keeps.

use mcp_layers_core::{Catalog, CatalogLayer, ListedKind, Method};
use mcp_layers_test::{Contract, requests::TOOL};
use mcp_layers_util::{
    CancelLayer, CatchErrorLayer, CatchPanicLayer, for_methods, for_tools, only_tool, short_lived,
};
use tower::{layer::util::Identity, limit::ConcurrencyLimitLayer};

#[tokio::test]
async fn catch_error() {
    Contract::new(CatchErrorLayer::new)
        .answers_errors()
        .check()
        .await;
}

#[tokio::test]
async fn catch_panic() {
    Contract::new(CatchPanicLayer::new).check().await;
}

#[tokio::test]
async fn cancel() {
    Contract::new(CancelLayer::new).check().await;
}

#[tokio::test]
async fn short_lived_requests() {
    Contract::new(|| short_lived(Identity::new())).check().await;
}

#[tokio::test]
async fn short_lived_requests_with_permits() {
    Contract::new(|| short_lived(ConcurrencyLimitLayer::new(2)))
        .check()
        .await;
}

#[tokio::test]
async fn one_tool() {
    Contract::new(|| only_tool(TOOL, Identity::new()))
        .check()
        .await;
}

#[tokio::test]
async fn some_tools() {
    Contract::new(|| for_tools([TOOL, "sum"], Identity::new()).unwrap())
        .check()
        .await;
}

#[tokio::test]
async fn some_methods() {
    Contract::new(|| for_methods([Method::ListTools, Method::CallTool], Identity::new()).unwrap())
        .check()
        .await;
}

#[tokio::test]
async fn catalog() {
    Contract::new(|| CatalogLayer::new(Catalog::new()))
        .check()
        .await;
}

#[tokio::test]
async fn catalog_that_all_services_share() {
    let catalog = Catalog::new();
    Contract::new(|| CatalogLayer::new(catalog.clone()))
        .check()
        .await;
    assert!(catalog.knows(ListedKind::Tool, TOOL));
}
