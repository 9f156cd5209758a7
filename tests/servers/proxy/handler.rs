//! The handler of the proxy: it serves the tools of its upstream.

use std::convert::Infallible;

use mcp_layers::{
    McpRequest, McpResponse,
    progress::Progress,
    rmcp::{RmcpResponse, UpstreamRequest},
};
use rmcp::{ErrorData, RoleServer, ServerHandler, model::*, service::RequestContext};
use tower::{ServiceExt, util::BoxCloneSyncService};

pub(crate) type Calls = BoxCloneSyncService<UpstreamRequest, RmcpResponse, Infallible>;

#[derive(Clone)]
pub(crate) struct Proxy {
    calls: Calls,
}

impl Proxy {
    pub(crate) fn new(calls: Calls) -> Self {
        Self { calls }
    }

    /// Sends a request on. Its caller's cancellation goes with it, and progress comes back.
    async fn ask(
        &self,
        request: impl Into<ClientRequest>,
        context: &RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let mut request = UpstreamRequest::new(request).with_cancellation(context.ct.clone());
        // Whoever watches the caller's request hears of the upstream's progress too.
        let watched = request.context_mut().watch_progress().clone();
        let Ok(response) = self.calls.clone().oneshot(request).await;
        if let (Some(progress), Some(at)) = (context.extensions.get::<Progress>(), watched.last()) {
            progress.report_at(at);
        }
        match response.into_error() {
            Ok(error) => Err(ErrorData::new(
                ErrorCode(error.code),
                error.message,
                error.data,
            )),
            Err(response) => response
                .into_result()
                .map_err(|_| ErrorData::internal_error("The upstream gave no result", None)),
        }
    }
}

fn other() -> ErrorData {
    ErrorData::internal_error("The upstream gave a result of another kind", None)
}

impl ServerHandler for Proxy {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("mcp-layers-proxy", "0.0.0"))
    }

    async fn list_tools(
        &self,
        params: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let request = ClientRequest::ListToolsRequest(RequestOptionalParam {
            method: Default::default(),
            params,
            extensions: Default::default(),
        });
        match self.ask(request, &context).await? {
            ServerResult::ListToolsResult(tools) => Ok(tools),
            _ => Err(other()),
        }
    }

    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        match self.ask(Request::new(params), &context).await? {
            ServerResult::CallToolResult(result) => Ok(CallToolResponse::Complete(result)),
            _ => Err(other()),
        }
    }
}
