//! A stack of layers from several modules of the facade compiles and runs.

use std::convert::Infallible;

use mcp_layers::{
    JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpResponse, McpService, code,
    util::{CatchErrorLayer, CatchPanicLayer},
};
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// Any server at all.
async fn fail(request: JsonRpcRequest) -> Result<JsonRpcResponse, Infallible> {
    let target = request.target();
    assert_eq!(target, Some("dig"));
    let error = McpError::unavailable();
    Ok(JsonRpcResponse::error(&request, error))
}

async fn code_of(service: impl McpService<JsonRpcRequest>) -> Option<i32> {
    let request = JsonRpcRequest::call_tool(1, "dig", serde_json::json!({}));
    let response = service.oneshot(request).await.ok()?;
    response.outcome().code()
}

#[tokio::test]
async fn without_features_there_is_the_vocabulary() {
    let layers = ServiceBuilder::new()
        .layer(CatchErrorLayer::new())
        .layer(CatchPanicLayer::new());
    let service = layers.service(service_fn(fail));
    assert_eq!(code_of(service).await, Some(code::UNAVAILABLE));
}

#[cfg(feature = "timing")]
#[tokio::test]
async fn timing_goes_around_what_the_vocabulary_describes() {
    use mcp_layers::timing::TimingLayer;

    let layers = ServiceBuilder::new().layer(TimingLayer::server());
    let service = layers.service(service_fn(fail));
    assert_eq!(code_of(service).await, Some(code::UNAVAILABLE));
}

#[cfg(feature = "error-mask")]
#[tokio::test]
async fn the_error_mask_leaves_what_layers_refuse_with() {
    use mcp_layers::error_mask::ErrorMaskLayer;

    let layers = ServiceBuilder::new().layer(ErrorMaskLayer::new());
    let service = layers.service(service_fn(fail));
    assert_eq!(code_of(service).await, Some(code::UNAVAILABLE));
}

#[cfg(all(feature = "rmcp", feature = "timing"))]
#[test]
fn timing_goes_into_a_stack_for_rmcp() {
    use mcp_layers::{rmcp::Stack, timing::TimingLayer};

    struct Bare;
    impl rmcp::ServerHandler for Bare {}

    let stack = Stack::new((TimingLayer::server(), CatchPanicLayer::new()));
    fn is_handler(_: impl rmcp::ServerHandler) {}
    is_handler(stack.handler(Bare));
}

#[cfg(feature = "tower-mcp")]
#[test]
fn the_vocabulary_goes_around_a_tower_mcp_router() {
    let _layer = mcp_layers::tower_mcp::layered(CatchPanicLayer::new());
}
