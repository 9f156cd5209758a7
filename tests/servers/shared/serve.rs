//! Serving a handler, bare or in a stack, until the client hangs up or an interrupt.

use std::{error::Error, net::SocketAddr, sync::Arc};

use axum::Router;
use mcp_layers::{
    core::BoxError,
    rmcp::{RmcpRequest, RmcpResponse, Stack},
    timing::TimingHttpLayer,
};
use rmcp::{
    ServerHandler, ServiceExt,
    service::QuitReason,
    transport::{
        StreamableHttpServerConfig, StreamableHttpService,
        streamable_http_server::session::local::LocalSessionManager,
    },
};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::auth::Edge;

/// Where and how to serve HTTP.
pub(crate) struct Http<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) sessions: Arc<LocalSessionManager>,
    pub(crate) config: StreamableHttpServerConfig,
    /// What is served besides `/mcp`.
    pub(crate) pages: Router,
    /// What stands in front of `/mcp`.
    pub(crate) edge: Option<Edge<'a>>,
}

/// Serves HTTP until an interrupt. The stack is built already: rmcp asks for a handler for each
/// session and each stateless request, and gets clones.
pub(crate) async fn http<H, S>(
    handler: H,
    stack: Option<Stack<S>>,
    http: Http<'_>,
) -> Result<(), Box<dyn Error>>
where
    H: ServerHandler + Clone,
    S: Service<RmcpRequest, Response = RmcpResponse> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
{
    let stop = CancellationToken::new();
    let config = http.config.with_cancellation_token(stop.child_token());
    let make_handler = move || handler.clone();
    let mut router = match stack {
        Some(stack) => {
            let service = stack.http(make_handler, http.sessions, config);
            Router::new().nest_service("/mcp", service)
        }
        None => {
            let make_handler = move || Ok(make_handler());
            let service = StreamableHttpService::new(make_handler, http.sessions, config);
            Router::new().nest_service("/mcp", service)
        }
    };

    let listener = tokio::net::TcpListener::bind(http.address).await?;
    let address = listener.local_addr()?;
    if let Some(edge) = http.edge {
        router = edge.around(router, address)?.layer(TimingHttpLayer::new());
    }
    let router = http.pages.merge(router);
    eprintln!("listening on http://{address}/mcp");
    let interrupted = async move {
        interrupt().await;
        stop.cancel();
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(interrupted)
        .await?;
    Ok(())
}

/// Serves one client on standard input and output until it hangs up, or an interrupt.
pub(crate) async fn stdio<H, S>(handler: H, stack: Option<Stack<S>>) -> Result<(), Box<dyn Error>>
where
    H: ServerHandler,
    S: Service<RmcpRequest, Response = RmcpResponse> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
{
    match stack {
        Some(stack) => one_client(stack.handler(handler)).await,
        None => one_client(handler).await,
    }
}

async fn one_client<H: ServerHandler>(handler: H) -> Result<(), Box<dyn Error>> {
    let running = handler.serve(rmcp::transport::stdio()).await?;
    let stop = running.cancellation_token();
    tokio::spawn(async move {
        interrupt().await;
        stop.cancel();
    });
    if let QuitReason::Cancelled = running.waiting().await? {
        // Tokio's reader of standard input would hold the runtime until the next line comes.
        std::process::exit(0);
    }
    Ok(())
}

async fn interrupt() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("no interrupt to wait for: {error}");
        std::future::pending::<()>().await;
    }
}
