//! A server on rust-mcp-sdk, on standard input and output, with layers: `rust_mcp_sdk [--bare]`.

mod layered;

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use async_trait::async_trait;
use layered::Layered;
use mcp_layers::{
    BoxError, Catalog, CatalogLayer, JsonRpcRequest,
    error_mask::ErrorMaskLayer,
    rate_limit::{Quota, RateLimitLayer, Rule},
    timeout::TimeoutLayer,
    util::{CancelLayer, CatchErrorLayer, CatchPanicLayer},
};
use rust_mcp_sdk::{
    McpServer, RequestContext, ServerDetails, StdioTransport, ToMcpServerHandler, TransportOptions,
    macros::{JsonSchema, mcp_tool},
    mcp_server::{McpServerHandler, McpServerOptions, ServerHandler, server_runtime},
    schema::{
        CallToolError, CallToolRequestParams, CallToolResult, Implementation, ListToolsResult,
        ListToolsResultCacheScope, PaginatedRequestParams, RpcError, ServerCapabilities,
        ServerCapabilitiesTools, ServerResult,
    },
};
use serde::{Deserialize, Serialize};
use tower::ServiceBuilder;

const TWENTY: NonZeroU32 = NonZeroU32::new(20).unwrap();

#[mcp_tool(name = "echo", description = "Says it again")]
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Echo {
    text: String,
}

#[mcp_tool(name = "hang", description = "Never answers")]
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Hang {}

struct Server;

#[async_trait]
impl ServerHandler for Server {
    async fn handle_list_tools_request(
        &self,
        _: Option<PaginatedRequestParams>,
        _: &RequestContext,
        _: Arc<dyn McpServer>,
    ) -> Result<ListToolsResult, RpcError> {
        Ok(ListToolsResult {
            tools: vec![Echo::tool(), Hang::tool()],
            cache_scope: ListToolsResultCacheScope::Private,
            result_type: "complete".to_owned(),
            ttl_ms: 0,
            meta: None,
            next_cursor: None,
        })
    }

    async fn handle_call_tool_request(
        &self,
        params: CallToolRequestParams,
        _: &RequestContext,
        _: Arc<dyn McpServer>,
    ) -> Result<ServerResult, CallToolError> {
        let text = match &*params.name {
            "echo" => {
                let text = params
                    .arguments
                    .as_ref()
                    .and_then(|given| given.get("text")?.as_str());
                text.ok_or_else(|| CallToolError::from_message("no text"))?
                    .to_owned()
            }
            "hang" => std::future::pending().await,
            _ => return Err(CallToolError::unknown_tool(params.name)),
        };
        Ok(CallToolResult::text_content(vec![text.into()]).into())
    }
}

/// The handler with layers around it.
fn layered(handler: Arc<dyn McpServerHandler>) -> Result<Arc<dyn McpServerHandler>, BoxError> {
    let limits = RateLimitLayer::new([Rule::new("per-tool", Quota::per_second(TWENTY))])?;
    let server = handler.clone();
    let stack = ServiceBuilder::new()
        .layer(CatalogLayer::new(Catalog::new()))
        .layer(ErrorMaskLayer::new().every_result())
        .layer(CatchErrorLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(CancelLayer::new())
        .layer(limits)
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .service_fn(move |request: JsonRpcRequest| layered::call(server.clone(), request));
    Ok(Layered::new(stack, handler))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let bare = Server.to_mcp_server_handler();
    let handler = if std::env::args().any(|arg| arg == "--bare") {
        bare
    } else {
        layered(bare)?
    };
    let server_details = ServerDetails {
        server_info: Implementation {
            name: "rust-mcp-sdk".to_owned(),
            version: "1.0.0".to_owned(),
            title: None,
            description: None,
            icons: Vec::new(),
            website_url: None,
        },
        capabilities: ServerCapabilities {
            tools: Some(ServerCapabilitiesTools { list_changed: None }),
            ..ServerCapabilities::default()
        },
        instructions: None,
        meta: None,
    };
    let transport =
        StdioTransport::new(TransportOptions::default()).map_err(|error| error.to_string())?;
    let options = McpServerOptions {
        server_details,
        transport,
        handler,
        message_observer: None,
    };
    let served = server_runtime::create_server(options).start().await;
    served.map_err(|error| error.to_string().into())
}
