//! Serving a handler, bare or in a stack, until the client hangs up or a signal comes.

use std::{
    convert::Infallible, error::Error, io, net::SocketAddr, num::NonZeroUsize, sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, http::Request, response::IntoResponse, serve::ListenerExt};
use mcp_layers::{
    BoxError,
    rmcp::{RmcpRequest, RmcpResponse, Stack},
    timing::TimingHttpLayer,
};
use rmcp::{
    ServerHandler, ServiceExt,
    transport::{
        StreamableHttpServerConfig, StreamableHttpService,
        streamable_http_server::session::local::LocalSessionManager,
    },
};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::{audit, auth::Edge, drain, shed, trace, wire, wire::Wire};

/// The time that calls in flight have to end once the server is to end.
const GRACE: Duration = Duration::from_secs(5);

/// The time that the last answers of a drain have to be written.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Runs a server to its end. On every way out, calls in flight are dropped, the audit file is closed
/// with their records, and their spans are exported.
///
/// # Errors
/// There is no runtime.
pub(crate) fn run<T>(server: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(server);
    // Reading standard input cannot be interrupted; it ends with the process.
    runtime.shutdown_timeout(Duration::from_millis(500));
    audit::close();
    trace::close();
    Ok(ended)
}

/// Settings of the HTTP server.
pub(crate) struct Http<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) sessions: Arc<LocalSessionManager>,
    pub(crate) config: StreamableHttpServerConfig,
    /// Further pages, next to `/mcp`.
    pub(crate) pages: Router,
    /// The authentication of `/mcp`.
    pub(crate) edge: Option<Edge<'a>>,
    /// The most HTTP requests at once.
    pub(crate) max_in_flight: Option<NonZeroUsize>,
    /// Puts layers on the wire too, or the wire alone.
    pub(crate) wire: Option<Wire>,
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
            at_mcp(service)
        }
        None => {
            let make_handler = move || Ok(make_handler());
            let service = StreamableHttpService::new(make_handler, http.sessions, config);
            at_mcp(service)
        }
    };

    if let Some(wire) = http.wire {
        router = wire::around(router, wire);
    }

    let listener = tokio::net::TcpListener::bind(http.address).await?;
    let address = listener.local_addr()?;
    if let Some(edge) = http.edge {
        router = audit::around(edge.around(router, address)?).layer(TimingHttpLayer::new());
    }
    if let Some(max_in_flight) = http.max_in_flight {
        router = shed::around(router, max_in_flight.get());
    }
    let router = http.pages.merge(router);
    eprintln!("listening on http://{address}/mcp");
    let stopped = stop.clone();
    let interrupted = async move {
        interrupt().await;
        let drained = drain::drain(GRACE).await;
        tokio::spawn(cancel(move || stop.cancel(), drained));
    };
    // An answer goes out in two writes. Without this the second waits for the client's delayed
    // acknowledgement of the first, 40 ms.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::warn!(%error, "TCP_NODELAY is not set");
        }
    });
    // The address limit, the audit and the timing read the client's address from `ConnectInfo`.
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, router).with_graceful_shutdown(interrupted);
    let out_of_time = async move {
        stopped.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = server => ended?,
        () = out_of_time => {}
    }
    Ok(())
}

/// Serves `/mcp` and `/mcp/`, and nothing below: a rule for the exact path holds for all of it.
fn at_mcp<S>(service: S) -> Router
where
    S: Service<Request<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    Router::new()
        .route_service("/mcp", service.clone())
        .route_service("/mcp/", service)
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
        let drained = drain::drain(GRACE).await;
        cancel(|| stop.cancel(), drained).await;
    });
    running.waiting().await?;
    Ok(())
}

/// Ends the streams that clients hold open. After a drain the last answers are on their way: what is
/// cancelled at once would lose them.
async fn cancel(stop: impl FnOnce(), drained: bool) {
    if drained {
        tokio::time::sleep(LAST_ANSWERS).await;
    }
    stop();
}

/// Waits for SIGINT, or for SIGTERM, which SDKs and containers send.
async fn interrupt() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    () = ctrl_c() => {}
                }
                return;
            }
            Err(error) => eprintln!("no SIGTERM to wait for: {error}"),
        }
    }
    ctrl_c().await;
}

async fn ctrl_c() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("no interrupt to wait for: {error}");
        std::future::pending::<()>().await;
    }
}
