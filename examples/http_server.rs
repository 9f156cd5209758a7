//! An rmcp server over HTTP with API keys: authentication and authorization at the edge, and a stack.
//! The first argument is the address, 127.0.0.1:8000 by default. SIGTERM ends the server gracefully.

use axum::{Router, serve::ListenerExt};
use mcp_layers::rmcp::{RmcpLayers, Stack};
use mcp_layers::{Authentication, BoxError, Principal, authenticate::*, authorize::*};
use mcp_layers::{timeout::TimeoutLayer, util::CatchPanicLayer};
use rmcp::transport::{StreamableHttpServerConfig, streamable_http_server::session::local::*};
use rmcp::{tool, tool_router};
use std::{env, net::SocketAddr, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};
use tower::ServiceBuilder;

struct Greeter;

#[tool_router(server_handler)]
impl Greeter {
    /// Greets the caller.
    #[tool]
    async fn hello(&self) -> String {
        "hello".to_owned()
    }
}

fn layers(authorize: AuthorizeLayer) -> impl RmcpLayers {
    ServiceBuilder::new()
        .layer(CatchPanicLayer::new())
        .layer(authorize)
        .layer(TimeoutLayer::new(Duration::from_secs(30)))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let ada = Principal::new("ada", Authentication::ApiKey).with_scopes(["tools"]);
    let authenticate = AuthenticateLayer::new(ApiKeys::new().with_key("key-of-ada", ada)?);
    let rules = Rules::builder().otherwise(Access::scopes(["tools"]));
    let authorize = AuthorizeLayer::new(rules.build()?);
    let authorize_edge = AuthorizeHttpLayer::new(&authorize);

    let config = StreamableHttpServerConfig::default();
    let stop = config.cancellation_token.clone();
    let sessions = Arc::new(LocalSessionManager::default());
    let mcp = Stack::new(layers(authorize)).http(|| Greeter, sessions, config);
    // The service of `nest_service("/mcp")` would answer `/mcp/anything` too.
    let router = Router::new().route_service("/mcp", mcp.clone());
    let router = router.route_service("/mcp/", mcp);
    let router = router.layer(authorize_edge).layer(authenticate);

    let address = env::args().nth(1).unwrap_or("127.0.0.1:8000".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    eprintln!("listening on http://{}/mcp", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let mut sigterm = signal(SignalKind::terminate())?;
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        sigterm.recv().await;
        stop.cancel();
    });
    Ok(server.await?)
}
