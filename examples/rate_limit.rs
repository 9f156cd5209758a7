//! A budget for each principal: one caller that spends its own leaves the others theirs.

use std::{num::NonZeroU32, sync::Arc};

use mcp_layers::{
    Authentication, BoxError, Catalog, CatalogLayer, JsonRpcRequest, JsonRpcResponse, McpRequest,
    Principal,
    rate_limit::{Quota, RateLimitLayer, Rule},
};
use serde_json::json;
use tower::{ServiceBuilder, ServiceExt};

const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();

async fn server(request: JsonRpcRequest) -> Result<JsonRpcResponse, BoxError> {
    let result = json!({ "content": [{ "type": "text", "text": "found" }] });
    Ok(JsonRpcResponse::success(&request, result))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    // Two calls of each tool a minute, for each principal.
    let limits = RateLimitLayer::new([Rule::new("per-tool", Quota::per_minute(TWO))])?;
    let handle = limits.handle();
    // The adapter for rmcp adds a catalog automatically.
    let service = ServiceBuilder::new()
        .layer(CatalogLayer::new(Catalog::new().with_tools(["search"])))
        .layer(limits)
        .service_fn(server);

    for caller in ["ada", "ada", "ada", "bob"] {
        let mut request = JsonRpcRequest::call_tool(1, "search", json!({}));
        // Usually `AuthenticateLayer` or `LocalPrincipalLayer` sets the principal.
        let principal = Principal::new(caller, Authentication::ApiKey);
        request.context_mut().set_principal(Arc::new(principal));
        match service.clone().oneshot(request).await?.result() {
            Ok(_) => println!("{caller}  answered"),
            Err(error) => println!("{caller}  {}: {}", error.code, error.message),
        }
    }
    println!("refused: {}", handle.stats().rules[0].refused);
    Ok(())
}
