//! A server without an SDK, on standard input and output: one JSON-RPC message a line.

use std::time::Duration;

use mcp_layers::{
    BoxError, Catalog, CatalogLayer, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, Method,
    code,
    json_rpc::JsonRpcMessage,
    timeout::TimeoutLayer,
    util::{CatchErrorLayer, CatchPanicLayer},
};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin, stdout};
use tower::{ServiceBuilder, ServiceExt};

async fn answer(request: JsonRpcRequest) -> Result<JsonRpcResponse, BoxError> {
    let tool = |name| json!({ "name": name, "inputSchema": { "type": "object" } });
    let unknown = McpError::new(code::METHOD_NOT_FOUND, "Method not found");
    let result = match (request.method(), request.target()) {
        (Method::Initialize, _) => json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "hand-made", "version": "1.0.0" },
        }),
        (Method::Ping, _) => json!({}),
        (Method::ListTools, _) => json!({ "tools": [tool("hello"), tool("slow")] }),
        (Method::CallTool, Some("hello")) => {
            json!({ "content": [{ "type": "text", "text": "hello" }] })
        }
        (Method::CallTool, Some("slow")) => std::future::pending().await,
        _ => return Ok(JsonRpcResponse::error(&request, unknown)),
    };
    Ok(JsonRpcResponse::success(&request, result))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Layers treat names that the catalog does not know with care: callers invent them.
    let catalog = Catalog::new().with_tools(["hello", "slow"]);
    let service = ServiceBuilder::new()
        .layer(CatalogLayer::new(catalog))
        .layer(CatchErrorLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::new(Duration::from_millis(100)))
        .service_fn(answer);

    let (mut lines, mut out) = (BufReader::new(stdin()).lines(), stdout());
    while let Some(line) = lines.next_line().await? {
        let answer = match JsonRpcMessage::parse(line.as_bytes()) {
            Ok(JsonRpcMessage::Request(request)) => {
                serde_json::to_string(&service.clone().oneshot(request).await?)?
            }
            Ok(_) => continue,
            Err(error) => error.to_value().to_string(),
        };
        out.write_all(format!("{answer}\n").as_bytes()).await?;
    }
    Ok(())
}
