//! The streamable HTTP transport over a layered handler.

use std::sync::Arc;

use mcp_layers_core::{BoxError, CatchError};
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        SessionManager, StreamableHttpServerConfig, StreamableHttpService,
    },
};
use tower_service::Service;

use super::{handler::LayeredHandler, request::RmcpRequest, stack::Stack};
use crate::RmcpResponse;

impl<S> Stack<S>
where
    S: Service<RmcpRequest, Response = RmcpResponse> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
{
    /// rmcp's HTTP service, with this stack around every handler that `make_handler` makes.
    ///
    /// rmcp calls `make_handler` for each legacy session, and for each request from 2026-07-28 on.
    /// The stack is built already and is cloned in, so that its state outlives them all.
    pub fn http<H, M>(
        self,
        make_handler: impl Fn() -> H + Send + Sync + 'static,
        session_manager: Arc<M>,
        config: StreamableHttpServerConfig,
    ) -> StreamableHttpService<LayeredHandler<CatchError<S>, H>, M>
    where
        H: ServerHandler,
        M: SessionManager,
    {
        let make = move || Ok(self.handler(make_handler()));
        StreamableHttpService::new(make, session_manager, config)
    }
}
