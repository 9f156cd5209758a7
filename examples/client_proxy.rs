//! Layers around the calls of an rmcp client: an upstream that fails twice is asked again.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use mcp_layers::{
    BoxError, circuit_breaker::CircuitBreakerLayer, events::EventsLayer, retry::RetryLayer,
    rmcp::LayeredClient, timeout::TimeoutLayer, util::CatchErrorLayer,
};
use rmcp::{ErrorData, ServiceExt, model::*, tool, tool_router};
use tower::ServiceBuilder;

const THREE: NonZeroU32 = NonZeroU32::new(3).unwrap();
static CALLS: AtomicU64 = AtomicU64::new(0);

struct Upstream;

#[tool_router(server_handler)]
impl Upstream {
    /// Fails twice, then answers.
    #[tool]
    async fn search(&self) -> Result<String, ErrorData> {
        match CALLS.fetch_add(1, Relaxed) + 1 {
            call @ ..=2 => Err(ErrorData::internal_error(format!("failure {call}"), None)),
            call => Ok(format!("found by call {call}")),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (client_end, server_end) = tokio::io::duplex(4096);
    let server = tokio::spawn(Upstream.serve(server_end));
    let client = ().serve(client_end).await?;
    let _server = server.await??;

    let retry = RetryLayer::new(THREE).repeatable_tools(["search"])?;
    let handle = retry.handle();
    let layers = ServiceBuilder::new()
        .layer(EventsLayer::new())
        .layer(retry)
        .layer(CatchErrorLayer::new()) // a lost connection is an answer, with an event
        // Counts the first attempt of each call: for tools that often need a second one, outside retry.
        .layer(CircuitBreakerLayer::new())
        .layer(TimeoutLayer::new(Duration::from_secs(5)));
    // A proxy calls this client from its own `ServerHandler`.
    let upstream = LayeredClient::new(client.peer().clone(), layers);

    let search = CallToolRequestParams::new("search");
    match upstream.call_tool(search).await? {
        CallToolResponse::Complete(result) => println!("{:?}", result.content),
        other => println!("{other:?}"),
    }
    println!("{:?}", handle.stats());
    client.cancel().await?;
    Ok(())
}
