//! Layers in front of a server in any language: `sidecar python server.py` on stdio, or
//! `sidecar --http ADDRESS --upstream URL`. Ends on SIGTERM. `SIDECAR_TIMEOUT`: in seconds.

use std::{env, net::SocketAddr, process, time::Duration};

use axum::{Router, serve::ListenerExt};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use mcp_layers::{
    Authentication, BoxError, Principal,
    audit::{AuditLayer, TracingSink},
    error_mask::ErrorMaskLayer,
    events::EventsLayer,
    rate_limit::{Quota, RateLimitLayer, Rule},
    timeout::TimeoutLayer,
    timing::{BUCKETS, TimingLayer},
    util::{CancelLayer, CatchErrorLayer, CatchPanicLayer, LocalPrincipalLayer},
    wire::{Pipe, WireLayer, http::WireBody},
};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::{io, net::TcpListener, process::Command, runtime::Runtime, signal::unix};
use tower::{Layer, ServiceBuilder, ServiceExt};

fn run() -> Result<i32, BoxError> {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr);
    log.init(); // Standard output belongs to the protocol.
    let metrics = PrometheusBuilder::new().set_buckets(&BUCKETS)?;
    let metrics = metrics.install_recorder()?;
    let timeout = env::var("SIDECAR_TIMEOUT").map_or(Ok(30.0), |seconds| seconds.parse())?;
    let owner = Principal::new("owner", Authentication::Local);
    let limits = RateLimitLayer::new([Rule::new("per-tool", Quota::per_second(20.try_into()?))])?;
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

    let arguments: Vec<_> = env::args().skip(1).collect();
    let serve = async {
        match &*arguments.iter().map(String::as_str).collect::<Vec<_>>() {
            ["--http", address, "--upstream", origin] => {
                let origin = origin.trim_end_matches('/').to_owned();
                let client = Client::builder(TokioExecutor::new()).build_http::<WireBody>();
                let upstream = client.map_request(move |mut request: http::Request<_>| {
                    let uri = format!("{origin}{}", request.uri()).parse();
                    *request.uri_mut() = uri.unwrap_or_default();
                    request
                });
                let app = Router::new().fallback_service(WireLayer::new(layers).layer(upstream));
                let listener = TcpListener::bind(address).await?;
                eprintln!("listening on http://{}/mcp", listener.local_addr()?);
                let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
                let app = app.into_make_service_with_connect_info::<SocketAddr>();
                axum::serve(listener, app).await?;
                Ok(0)
            }
            ["--", program, rest @ ..] | [program, rest @ ..] => {
                let mut server = Command::new(program);
                server.args(rest);
                let client = (io::stdin(), io::stdout());
                let status = Pipe::new(layers).run_child(client, server).await?;
                Ok(status.code().unwrap_or(1))
            }
            [] => Err(BoxError::from("usage: sidecar PROGRAM [ARGUMENT]...")),
        }
    };
    let runtime = Runtime::new()?;
    let code = runtime.block_on(async {
        let mut sigterm = unix::signal(unix::SignalKind::terminate())?;
        tokio::select! { code = serve => code, _ = sigterm.recv() => Ok(143) }
    });
    // Drops calls in flight, which are recorded. A read of standard input cannot be interrupted.
    runtime.shutdown_timeout(Duration::from_millis(500));
    // For the textfile collector of Prometheus' node exporter.
    if let Some(path) = env::var_os("SIDECAR_METRICS") {
        std::fs::write(path, metrics.render())?;
    }
    code
}

fn main() {
    let code = run().map_err(|error| eprintln!("sidecar: {error}"));
    process::exit(code.unwrap_or(1));
}
