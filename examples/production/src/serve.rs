//! The server, from the first listener to the last answer.

use crate::{
    edge::{self, HttpLayers},
    pages,
    reload::Reload,
    settings::Settings,
    stack,
    tools::Tools,
};
use axum::serve::ListenerExt;
use mcp_layers::{BoxError, config::ConfigHandle, drain::DrainHandle, rmcp::Stack};
use rmcp::transport::{
    StreamableHttpServerConfig, streamable_http_server::session::never::NeverSessionManager,
};
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};

/// The time for the last answers, which are made but not yet sent.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// The time that connections have to end after that.
const LAST_CONNECTIONS: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or SIGINT. SIGHUP reloads the settings from the file. Returns their handle, by which
/// the audit log is closed.
pub(crate) async fn serve(settings: Settings, file: PathBuf) -> Result<ConfigHandle, BoxError> {
    // No signal is lost from here on.
    let hangup = signal(SignalKind::hangup())?;
    let (terminate, interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );

    let Settings { server, layers } = settings;
    let shared = match (&layers.rate_limit, &server.redis) {
        (Some(limits), Some(redis)) => Some(stack::shared_limit(limits, redis)?),
        _ => None,
    };
    let (built, config) = layers.build()?;
    let http = HttpLayers::new(&layers, &built)?;
    let drain = stack::required(built.drain.as_ref(), "drain")?.handle();
    let pages = pages::router(
        pages::gauges(&built, shared.as_ref(), &config),
        drain.clone(),
    )?;

    // Without sessions, every replica can answer every request.
    let transport = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_hosts(&server.hosts)
        .with_max_request_body_bytes(http.max_body);
    let stop = transport.cancellation_token.clone();
    let sessions = Arc::<NeverSessionManager>::default();
    let tools = Tools::new();
    let mcp = Stack::new(stack::stack(built, shared.clone())?)
        .catalog(Tools::catalog())
        .http(move || tools.clone(), sessions, transport);
    let mcp = edge::router(mcp, http, server.proxies);

    let listener = TcpListener::bind(server.address).await?;
    let pages_listener = TcpListener::bind(server.pages).await?;
    let at = |listener: &TcpListener| listener.local_addr().map(|at| format!("http://{at}"));
    tracing::info!(
        mcp = at(&listener)? + "/mcp",
        pages = at(&pages_listener)?,
        "listening"
    );
    let limit = server.drain.get();
    tokio::spawn(async { axum::serve(pages_listener, pages).await });
    let reload = Reload {
        file,
        config: config.clone(),
        server,
        shared,
    };
    tokio::spawn(reload.on(hangup));

    // An answer is two writes. Without this the second waits 40 ms for an acknowledgement of the first.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let mcp = mcp.into_make_service_with_connect_info::<SocketAddr>();
    let streams = stop.clone();
    let server = axum::serve(listener, mcp).with_graceful_shutdown(async move {
        drained([terminate, interrupt], drain, limit).await;
        // Event streams would hold their connections open.
        tokio::spawn(async move {
            sleep(LAST_ANSWERS).await;
            streams.cancel();
        });
    });
    let out_of_time = async {
        stop.cancelled().await;
        sleep(LAST_CONNECTIONS).await;
    };
    tokio::select! {
        ended = server => ended?,
        () = out_of_time => tracing::warn!("connections were cut off"),
    }
    Ok(config)
}

/// Waits for a signal to end, and drains: new calls are refused, those in flight are answered.
async fn drained([mut one, mut other]: [Signal; 2], drain: DrainHandle, limit: Duration) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
    tracing::info!("draining");
    let drained = drain.drain(limit).await;
    tracing::info!(
        ended = drained.ended,
        cut = drained.cut,
        left = drained.left,
        "drained"
    );
}
