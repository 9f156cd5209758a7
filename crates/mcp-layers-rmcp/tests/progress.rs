//! A handler says that it reported progress, and layers around it hear so.
#![cfg(all(feature = "client", feature = "server"))]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::{Arc, Mutex};

use mcp_layers_core::{McpRequest, progress::Progress};
use mcp_layers_rmcp::{Layered, RmcpRequest};
use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock},
    service::RequestContext,
};
use tower::util::MapRequestLayer;

struct Reports;

impl ServerHandler for Reports {
    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let progress = context.extensions.get::<Progress>();
        if params.name == "reports" {
            progress.unwrap().report();
        }
        let text = ContentBlock::text(progress.is_some().to_string());
        Ok(CallToolResponse::Complete(CallToolResult::success(vec![
            text,
        ])))
    }
}

#[tokio::test]
async fn a_handler_tells_layers_of_its_progress_if_one_watches() {
    for watches in [true, false] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        let watch = MapRequestLayer::new(move |mut request: RmcpRequest| {
            if watches && request.target().is_some() {
                let progress = request.context_mut().watch_progress().clone();
                told.lock().unwrap().push(progress);
            }
            request
        });
        let (here, there) = tokio::io::duplex(1 << 16);
        let server = Reports.layered(watch);
        tokio::spawn(async move { server.serve(there).await.unwrap().waiting().await });
        let client = ().serve(here).await.unwrap();
        let tools = if watches {
            ["quiet", "reports"]
        } else {
            ["quiet"; 2]
        };
        for tool in tools {
            let result = client.call_tool(CallToolRequestParams::new(tool)).await;
            let text = result.unwrap().content[0].as_text().unwrap().text.clone();
            assert_eq!(text, watches.to_string());
        }
        let seen = seen.lock().unwrap();
        let reported: Vec<_> = seen
            .iter()
            .map(|progress| progress.last().is_some())
            .collect();
        assert_eq!(reported, if watches { vec![false, true] } else { vec![] });
    }
}
