//! The principal of requests over standard input.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::convert::Infallible;

use mcp_layers_core::{
    Authentication, JsonRpcRequest, JsonRpcResponse, McpRequest, Principal, request::Transport,
};
use mcp_layers_test::Contract;
use mcp_layers_util::LocalPrincipalLayer;
use tower::{Layer, ServiceExt, service_fn};

fn layer() -> LocalPrincipalLayer {
    LocalPrincipalLayer::new(Principal::new("owner", Authentication::Local))
}

async fn subject(request: JsonRpcRequest) -> Option<String> {
    let inner = service_fn(|request: JsonRpcRequest| async move {
        let principal = request.context().principal();
        let subject = principal.map(|principal| principal.subject().to_owned());
        let result = serde_json::json!({ "subject": subject });
        Ok::<_, Infallible>(JsonRpcResponse::success(&request, result))
    });
    let response = layer().layer(inner).oneshot(request).await.unwrap();
    let text = serde_json::to_value(&response).unwrap();
    text["result"]["subject"].as_str().map(ToOwned::to_owned)
}

#[tokio::test]
async fn only_requests_over_a_pipe_are_local() {
    let request = || JsonRpcRequest::new(1, "tools/list");
    let piped = request().with_transport(Transport::Pipe);
    assert_eq!(subject(piped).await.as_deref(), Some("owner"));
    for transport in [Transport::Tcp, Transport::Quic] {
        assert_eq!(subject(request().with_transport(transport)).await, None);
    }
    // Nor are requests over an unknown transport.
    assert_eq!(subject(request()).await, None);
}

#[tokio::test]
async fn keeps_a_principal_that_is_already_set() {
    let mut request = JsonRpcRequest::new(1, "tools/list").with_transport(Transport::Pipe);
    let ada = Principal::new("ada", Authentication::Bearer);
    request.context_mut().set_principal(ada.into());
    assert_eq!(subject(request).await.as_deref(), Some("ada"));
}

#[tokio::test]
async fn keeps_the_layer_contract() {
    Contract::new(layer).check().await;
    let unknown = |request: JsonRpcRequest| request.with_transport(Transport::Pipe);
    Contract::new(layer)
        .prepare(unknown)
        .sets_principal()
        .check()
        .await;
}
