//! Layers in front of a server in any language, on standard input and output:
//! `sidecar python server.py`. `SIDECAR_TIMEOUT` sets the timeout in seconds.

use std::{env, num::NonZeroU32, process, time::Duration};

use mcp_layers::{
    Authentication, BoxError, Principal,
    audit::{AuditLayer, TracingSink},
    error_mask::ErrorMaskLayer,
    events::EventsLayer,
    rate_limit::{Quota, RateLimitLayer, Rule},
    timeout::TimeoutLayer,
    timing::TimingLayer,
    util::{CancelLayer, CatchErrorLayer, CatchPanicLayer, LocalPrincipalLayer},
    wire::Pipe,
};
use metrics_exporter_prometheus::PrometheusBuilder;
#[cfg(unix)]
use tokio::signal::unix;
use tokio::{io, process::Command};
use tower::ServiceBuilder;

const TWENTY: NonZeroU32 = NonZeroU32::new(20).unwrap();

async fn run() -> Result<i32, BoxError> {
    // Standard output belongs to the protocol.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let metrics = PrometheusBuilder::new()
        .set_buckets(&mcp_layers::timing::BUCKETS)?
        .install_recorder()?;
    let timeout = env::var("SIDECAR_TIMEOUT").map_or(Ok(30.0), |seconds| seconds.parse())?;

    let owner = Principal::new("owner", Authentication::Local);
    let limits = RateLimitLayer::new([Rule::new("per-tool", Quota::per_second(TWENTY))])?;
    let layers = ServiceBuilder::new()
        .layer(LocalPrincipalLayer::new(owner))
        .layer(TimingLayer::server())
        .layer(EventsLayer::new())
        .layer(AuditLayer::new(TracingSink::new())?)
        // Secrets are redacted in every result, not only in errors.
        .layer(ErrorMaskLayer::new().every_result())
        .layer(CatchErrorLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(CancelLayer::new())
        .layer(limits)
        .layer(TimeoutLayer::new(Duration::try_from_secs_f64(timeout)?));

    let mut arguments = env::args_os().skip(1).peekable();
    arguments.next_if(|first| first == "--");
    let program = arguments
        .next()
        .ok_or("usage: sidecar PROGRAM [ARGUMENT]...")?;
    let mut server = Command::new(program);
    server.args(arguments);
    let (pipe, client) = (Pipe::new(layers), (io::stdin(), io::stdout()));
    let code = tokio::select! {
        status = pipe.run_child(client, server) => status?.code().unwrap_or(1),
        // The server is killed.
        () = terminated() => 143,
    };

    // For the textfile collector of Prometheus' node exporter.
    if let Some(path) = env::var_os("SIDECAR_METRICS") {
        std::fs::write(path, metrics.render())?;
    }
    Ok(code)
}

/// Waits for SIGTERM, where there is one.
async fn terminated() {
    #[cfg(unix)]
    if let Ok(mut terminate) = unix::signal(unix::SignalKind::terminate()) {
        terminate.recv().await;
        return;
    }
    std::future::pending::<()>().await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let code = run().await.unwrap_or_else(|error| {
        eprintln!("sidecar: {error}");
        1
    });
    // Not by returning: a read of standard input that is pending would hold the process.
    process::exit(code);
}
