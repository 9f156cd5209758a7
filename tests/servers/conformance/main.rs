//! An MCP server that answers everything the official conformance suite asks of one, bare or with
//! layers.
//!
//! ```text
//! conformance --http 127.0.0.1:8001 --bare
//! conformance --stdio
//! ```
//!
//! Over HTTP it serves `/mcp` and says so with one line on stderr, `listening on http://ADDR/mcp`.
//! `.ci/conformance` starts it and runs the suite against it. `--faulty`, which the help does not
//! list, adds a layer that breaks the protocol: the suite must see that. `--wire`, likewise, puts layers
//! in front of the HTTP service, bare or not, and `--wire-empty` an empty stack.

mod catalog;
mod client;
mod faulty;
mod notify;
mod prompts;
mod resources;
mod rounds;
mod server;
mod skills;
mod tasks;
mod tools;

#[path = "../shared/mod.rs"]
mod shared;

use std::{error::Error, process::ExitCode, sync::Arc, time::Duration};

use axum::Router;
use faulty::FaultyLayer;
use mcp_layers::rmcp::Stack;
use rmcp::transport::{
    StreamableHttpServerConfig, streamable_http_server::session::local::LocalSessionManager,
};
use server::ConformanceServer;
use shared::{
    auth::Edge,
    layers::Layers,
    log,
    options::{Options, Transport},
    serve,
    wire::Wire,
};
use tower::ServiceBuilder;

/// The time that a client whose stream was closed waits before it asks for the rest.
const SSE_RETRY: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let (mut faulty, mut wire) = (false, None);
    let options = Options::read("conformance", |flag| {
        match flag {
            "--faulty" => faulty = true,
            "--wire" => wire = Some(Wire::Layered),
            "--wire-empty" => wire = Some(Wire::Empty),
            _ => return false,
        }
        true
    });
    let options = match options {
        Ok(options) => options,
        Err(code) => return code,
    };

    match serve::run(run(options, faulty, wire)).unwrap_or_else(|error| Err(error.into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options, faulty: bool, wire: Option<Wire>) -> Result<(), Box<dyn Error>> {
    log::to_stderr()?;
    let sessions = Arc::new(session_manager());
    let handler = ConformanceServer::new().with_sessions(Arc::clone(&sessions));
    let layers = options.settings.as_ref().map(Layers::new).transpose()?;
    let stack = layers.map(|layers| {
        let faulty = faulty.then_some(FaultyLayer);
        Stack::new(ServiceBuilder::new().option_layer(faulty).layer(layers))
    });
    match options.transport {
        Transport::Stdio => serve::stdio(handler, stack).await,
        Transport::Http(address) => {
            let config = StreamableHttpServerConfig::default()
                .with_sse_retry(Some(SSE_RETRY))
                .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*"]);
            let http = serve::Http {
                address,
                sessions,
                config,
                pages: Router::new(),
                edge: Edge::of(options.settings.as_ref()),
                max_in_flight: options.max_in_flight,
                wire,
            };
            serve::http(handler, stack, http).await
        }
    }
}

fn session_manager() -> LocalSessionManager {
    let mut sessions = LocalSessionManager::default();
    sessions.session_config.sse_retry = Some(SSE_RETRY);
    sessions
}
