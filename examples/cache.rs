//! A tool whose results are cached for a minute, until its cached results are invalidated.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use mcp_layers::{
    BoxError, JsonRpcRequest, JsonRpcResponse, Method,
    cache::{CacheLayer, Freshness},
};
use serde_json::json;
use tower::{ServiceBuilder, ServiceExt};

static RUNS: AtomicU64 = AtomicU64::new(0);

async fn server(request: JsonRpcRequest) -> Result<JsonRpcResponse, BoxError> {
    let text = format!("run {}", RUNS.fetch_add(1, Relaxed) + 1);
    let result = json!({ "content": [{ "type": "text", "text": text }] });
    Ok(JsonRpcResponse::success(&request, result))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    // Public: all callers share the result. Without `public`, each principal has its own.
    let minute = Freshness::new(Duration::from_secs(60)).public();
    let cache = CacheLayer::new().tool("search", minute)?;
    let handle = cache.handle();
    let service = ServiceBuilder::new().layer(cache).service_fn(server);

    for query in ["troy", "troy", "ithaca", "invalidated", "troy"] {
        if query == "invalidated" {
            handle.invalidate_target(Method::CallTool, "search");
            println!("{query}");
            continue;
        }
        let request = JsonRpcRequest::call_tool(1, "search", json!({ "query": query }));
        let response = service.clone().oneshot(request).await?;
        let result = response.result().map_err(|error| error.message.clone())?;
        println!("{query:6}  {}", result["content"][0]["text"]);
    }
    Ok(())
}
