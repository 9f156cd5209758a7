//! A server on rmcp 1, in process behind a pipe with layers: `rmcp_1 [--bare]`.

use std::{num::NonZeroU32, time::Duration};

use mcp_layers::{
    BoxError,
    error_mask::ErrorMaskLayer,
    rate_limit::{Quota, RateLimitLayer, Rule},
    timeout::TimeoutLayer,
    util::{CancelLayer, CatchErrorLayer, CatchPanicLayer},
    wire::Pipe,
};
use rmcp::{
    ServerHandler, ServiceExt,
    handler::server::wrapper::Parameters,
    model::{ServerCapabilities, ServerInfo},
    schemars, tool, tool_handler, tool_router,
};
use tokio::io::{duplex, split, stdin, stdout};
use tower::ServiceBuilder;

const TWENTY: NonZeroU32 = NonZeroU32::new(20).unwrap();

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Text {
    text: String,
}

#[derive(Clone)]
struct Server;

#[tool_router]
impl Server {
    #[tool(description = "Says it again")]
    async fn echo(&self, Parameters(Text { text }): Parameters<Text>) -> String {
        text
    }

    #[tool(description = "Never answers")]
    async fn hang(&self) -> String {
        std::future::pending().await
    }
}

#[tool_handler]
impl ServerHandler for Server {
    fn get_info(&self) -> ServerInfo {
        ServerInfo::new(ServerCapabilities::builder().enable_tools().build())
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let client = (stdin(), stdout());
    if std::env::args().any(|arg| arg == "--bare") {
        Server.serve(client).await?.waiting().await?;
        return Ok(());
    }
    let limits = RateLimitLayer::new([Rule::new("per-tool", Quota::per_second(TWENTY))])?;
    let layers = ServiceBuilder::new()
        .layer(ErrorMaskLayer::new().every_result())
        .layer(CatchErrorLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(CancelLayer::new())
        .layer(limits)
        .layer(TimeoutLayer::new(Duration::from_secs(1)));
    let (side, server) = duplex(1 << 16);
    let server = tokio::spawn(async move {
        Server
            .serve(server)
            .await?
            .waiting()
            .await
            .map_err(BoxError::from)
    });
    Pipe::new(layers).run(client, split(side)).await?;
    // The server has ended too: its side of the pipe is closed.
    server.await??;
    // Not by returning: a read of standard input that is pending would hold the process.
    std::process::exit(0);
}
