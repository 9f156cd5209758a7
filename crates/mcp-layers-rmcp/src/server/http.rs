//! The streamable HTTP transport over a layered handler.

use std::{io, sync::Arc};

use mcp_layers_core::BoxError;
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
    /// rmcp's HTTP service, with this stack around every handler that `make_handler` returns.
    ///
    /// rmcp calls `make_handler` for each session up to 2025-11-25, and for each request from
    /// 2026-07-28 on. All of them share the stack, and with it limits, caches and metrics.
    pub fn http<H, M>(
        self,
        make_handler: impl Fn() -> H + Send + Sync + 'static,
        session_manager: Arc<M>,
        config: StreamableHttpServerConfig,
    ) -> StreamableHttpService<LayeredHandler<S, H>, M>
    where
        H: ServerHandler,
        M: SessionManager,
    {
        self.try_http(move || Ok(make_handler()), session_manager, config)
    }

    /// [`Stack::http`] for a `make_handler` that can fail. rmcp answers the request with HTTP
    /// status 500 then.
    pub fn try_http<H, M>(
        self,
        make_handler: impl Fn() -> io::Result<H> + Send + Sync + 'static,
        session_manager: Arc<M>,
        config: StreamableHttpServerConfig,
    ) -> StreamableHttpService<LayeredHandler<S, H>, M>
    where
        H: ServerHandler,
        M: SessionManager,
    {
        let make = move || make_handler().map(|handler| self.handler(handler));
        StreamableHttpService::new(make, session_manager, config)
    }
}
