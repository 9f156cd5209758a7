//! A server that asks another one: every call goes on to an upstream server, through retry, circuit
//! breaker and timeout. When the upstream is gone, callers get an answer all the same, and soon.
//!
//! ```text
//! cargo run --example everything -- --http 127.0.0.1:8000
//! cargo run --example proxy -- http://127.0.0.1:8000/mcp 127.0.0.1:8010
//! ```
//!
//! It says so with one line on stderr: `listening on http://ADDR/mcp`. A third argument is for how
//! many milliseconds the circuit stays open (5000). Warnings and errors are logged there too, such as
//! a circuit that opens.

mod handler;
mod upstream;

#[allow(dead_code, reason = "it serves, and needs none of the flags")]
#[path = "../shared/mod.rs"]
mod shared;

use std::{error::Error, num::NonZeroU32, process::ExitCode, time::Duration};

use handler::Proxy;
use mcp_layers::{
    Catalog, CatalogLayer, Class, Method, Outcome,
    circuit_breaker::{CircuitBreakerLayer, CircuitKey},
    code,
    retry::{Backoff, RetryLayer},
    rmcp::{ProgressTokens, Stack},
    timeout::TimeoutLayer,
    util::{CancelLayer, CatchErrorLayer, CatchPanicLayer},
};
use shared::{log, serve};
use tower::{ServiceBuilder, util::BoxCloneSyncService};
use upstream::Reconnect;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [upstream, address, rest @ ..] = &arguments[..] else {
        eprintln!("usage: proxy UPSTREAM_URL ADDR:PORT [OPEN_MS]");
        return ExitCode::from(2);
    };
    let open_ms = rest.first().map_or("5000", String::as_str);
    let served = serve::run(run(upstream, address, open_ms));
    match served.unwrap_or_else(|error| Err(error.into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proxy: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(upstream: &str, address: &str, open_ms: &str) -> Result<(), Box<dyn Error>> {
    log::to_stderr()?;
    let progress = ProgressTokens::new();
    let seconds = Duration::from_secs;
    // The operator of this proxy knows the upstream, and trusts the annotations of its tools.
    let calls = ServiceBuilder::new()
        .layer(CatchErrorLayer::new())
        .layer(CatalogLayer::new(Catalog::new()))
        .layer(
            RetryLayer::new(NonZeroU32::MIN.saturating_add(2))
                .backoff(Backoff {
                    base: Duration::from_millis(50),
                    max: seconds(1),
                })
                .deadline(seconds(60))
                .trust_hints(),
        )
        // One circuit for all: when the upstream is gone, it is gone for every tool. An answer that
        // is an error shows that it is there.
        .layer(
            CircuitBreakerLayer::new()
                .key(CircuitKey::Upstream)
                .classify(
                    |_: Method<'_>, outcome: &Outcome<'_>| match outcome.code() {
                        Some(code::UNAVAILABLE | code::TIMED_OUT) => Class::Failure,
                        _ => Class::Success,
                    },
                )
                .open_for(Duration::from_millis(open_ms.parse()?)),
        )
        .layer(TimeoutLayer::new(seconds(30)).idle(seconds(10)))
        .service(Reconnect::new(upstream, progress));
    let proxy = Proxy::new(BoxCloneSyncService::new(calls));

    let stack = ServiceBuilder::new()
        .layer(CatchPanicLayer::new())
        .layer(CancelLayer::new());
    let http = serve::Http {
        address: address.parse()?,
        sessions: Default::default(),
        config: Default::default(),
        pages: Default::default(),
        edge: None,
        max_in_flight: None,
        wire: None,
    };
    serve::http(proxy, Some(Stack::new(stack.into_inner())), http).await
}
