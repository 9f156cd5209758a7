//! A server to try layers and clients on: tools that succeed, fail, panic, sleep and count;
//! resources with every caching hint; a prompt, a completion, notifications.
//!
//! ```text
//! cargo run --example everything -- --stdio
//! cargo run --example everything -- --http 127.0.0.1:8000
//! cargo run --example everything -- --http 127.0.0.1:0 --with timing
//! cargo run --example everything -- --http 127.0.0.1:0 --with auth
//! cargo run --example everything -- --http 127.0.0.1:0 --with rate-limit --rate 2 --burst 3
//! cargo run --example everything -- --http 127.0.0.1:0 --with retry,circuit-breaker
//! cargo run --example everything -- --http 127.0.0.1:0 --with auth --signing-key FILE
//! cargo run --example everything -- --http 127.0.0.1:0 --bare
//! cargo run --example everything -- --http 127.0.0.1:0 --bare --max-in-flight 8
//! ```
//!
//! Over HTTP it serves MCP at `/mcp` and, unless it is bare, Prometheus metrics at `/metrics`, and
//! probes at `/livez` and `/readyz`. It says so with one line on stderr: `listening on
//! http://ADDR/mcp`. Warnings and errors are logged there too: what an error was that callers know by
//! its id alone.

mod arguments;
mod metrics;
mod prompts;
mod resources;
mod server;
mod sessions;
mod signed;
mod tools;
mod whoami;

#[path = "../shared/mod.rs"]
mod shared;

use std::{error::Error, process::ExitCode};

use axum::Router;
use mcp_layers::rmcp::Stack;
use server::Everything;
use shared::{
    auth::{self, Edge},
    layers::Layers,
    log,
    options::{Options, Transport},
    serve,
    settings::Settings,
};

fn main() -> ExitCode {
    let options = match Options::read("everything", |_| false) {
        Ok(options) => options,
        Err(code) => return code,
    };
    match serve::run(run(options)).unwrap_or_else(|error| Err(error.into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("everything: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    log::to_stderr()?;
    let layers = options.settings.as_ref().map(Layers::new).transpose()?;
    let cache = options.settings.as_ref().and_then(Settings::cache);
    let signed_ids = options
        .settings
        .as_ref()
        .map(auth::signed_ids)
        .transpose()?;
    let handler = Everything::new(cache.cloned(), signed_ids.flatten());
    let catalog = handler.catalog();
    let stack = layers.map(|layers| Stack::new(layers).catalog(catalog));
    match options.transport {
        Transport::Stdio => serve::stdio(handler, stack).await,
        Transport::Http(address) => {
            let pages = match &options.settings {
                Some(settings) => metrics::page(settings.take_gauges())?,
                None => Router::new(),
            };
            let http = serve::Http {
                address,
                sessions: Default::default(),
                config: sessions::config(options.settings.as_ref()),
                pages,
                edge: Edge::of(options.settings.as_ref()),
                max_in_flight: options.max_in_flight,
                wire: None,
            };
            serve::http(handler, stack, http).await
        }
    }
}
