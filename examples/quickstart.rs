//! A server with layers and its client in one process: the calls, and the metrics of the layers.

use std::{error::Error, future::pending, time::Duration};

use mcp_layers::rmcp::{Layered, RmcpLayers};
use mcp_layers::util::{CancelLayer, CatchPanicLayer};
use mcp_layers::{timeout::TimeoutLayer, timing};
use metrics_exporter_prometheus::PrometheusBuilder;
use rmcp::{ErrorData, ServiceExt, model::*, schemars, tool, tool_router};
use rmcp::{handler::server::wrapper::Parameters, service::ServiceError::McpError};
use tower::ServiceBuilder;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Place {
    city: String,
}

struct Weather;

#[tool_router(server_handler)]
impl Weather {
    /// Returns the weather in a city.
    #[tool]
    async fn weather(&self, place: Parameters<Place>) -> Result<CallToolResult, ErrorData> {
        let text = |text| vec![ContentBlock::text(text)];
        match place.0.city.as_str() {
            "Oslo" => Ok(CallToolResult::success(text("7 °C and rain"))),
            "Atlantis" => Ok(CallToolResult::error(text("no such city"))),
            "Rome" => Err(ErrorData::internal_error("the station is offline", None)),
            _ => pending().await,
        }
    }
}

fn layers() -> impl RmcpLayers {
    ServiceBuilder::new()
        .layer(timing::TimingLayer::server())
        .layer(CatchPanicLayer::new())
        .layer(CancelLayer::new())
        .layer(TimeoutLayer::new(Duration::from_millis(100)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let metrics = PrometheusBuilder::new()
        .set_buckets(&timing::BUCKETS)?
        .install_recorder()?;
    let (client_end, server_end) = tokio::io::duplex(4096);
    let server = tokio::spawn(Weather.layered(layers()).serve(server_end));
    let client = ().serve(client_end).await?;
    let server = server.await??;

    for city in ["Oslo", "Atlantis", "Rome", "Lima"] {
        let arguments = JsonObject::from_iter([("city".to_owned(), city.into())]);
        let call = CallToolRequestParams::new("weather").with_arguments(arguments);
        let answer = match client.call_tool(call).await {
            Ok(result) if result.is_error == Some(true) => format!("tool error: {}", text(&result)),
            Ok(result) => text(&result),
            Err(McpError(error)) => format!("error {}: {}", error.code.0, error.message),
            Err(error) => return Err(error.into()),
        };
        println!("{city:8}  {answer}");
    }
    client.cancel().await?;
    server.waiting().await?;

    // Each series has 15 buckets: the first one is enough to see.
    let shown = |line: &&str| !line.contains("_bucket") || line.contains("le=\"0.01\"");
    let page = metrics.render();
    page.lines()
        .filter(shown)
        .for_each(|line| println!("{line}"));
    Ok(())
}

fn text(result: &CallToolResult) -> String {
    let texts = result.content.iter().filter_map(ContentBlock::as_text);
    texts.map(|block| block.text.as_str()).collect()
}
