//! An rmcp server over HTTP, for agents and web pages: CORS, limits, API keys, authorization.
//! Arguments: the address, and the origin of the page. SIGTERM ends the server gracefully.

use axum::{Router, http::HeaderName, http::Method, serve::ListenerExt};
use mcp_layers::rate_limit::{AddressLimitLayer, Quota};
use mcp_layers::{Authentication, BoxError, Principal, authenticate::*, authorize::*, rmcp::Stack};
use rmcp::transport::{StreamableHttpServerConfig, streamable_http_server::session::local::*};
use rmcp::{tool, tool_router};
use std::{env::args, net::SocketAddr, sync::Arc};
use tokio::signal::unix::{SignalKind, signal};
use tower_http::{cors::*, limit::RequestBodyLimitLayer};

const EXPOSED: [&str; 3] = ["mcp-session-id", "www-authenticate", "retry-after"];
struct Greeter;

#[tool_router(server_handler)]
impl Greeter {
    #[tool(description = "Greets the caller")]
    async fn hello(&self) -> String {
        "hello".to_owned()
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let ada = Principal::new("ada", Authentication::ApiKey).with_scopes(["tools"]);
    let keys = ApiKeys::new().with_key("key-of-ada", ada)?;
    let rules = Rules::builder().otherwise(Access::scopes(["tools"]));
    let authorize = AuthorizeLayer::new(rules.build()?);
    let origin = args().nth(2).unwrap_or("http://localhost:5173".to_owned());
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list([origin.parse()?]))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request()) // no list can name `Mcp-Param-*`
        .expose_headers(EXPOSED.map(HeaderName::from_static));

    let config = StreamableHttpServerConfig::default(); // `with_allowed_hosts` beyond loopback
    let stop = config.cancellation_token.clone();
    let sessions = Arc::<LocalSessionManager>::default();
    let mcp = Stack::new(authorize.clone()).http(|| Greeter, sessions, config);
    let router = Router::new()
        .route_service("/mcp", mcp.clone()) // `nest_service` would serve `/mcp/anything` too
        .route_service("/mcp/", mcp)
        .layer(AuthorizeHttpLayer::new(&authorize)) // the innermost
        .layer(AuthenticateLayer::new(keys).allow_origins([origin])?)
        .layer(RequestBodyLimitLayer::new(1 << 20))
        .layer(AddressLimitLayer::new(Quota::per_second(100.try_into()?)))
        .layer(cors) // outside authentication: a preflight has no credentials
        .into_make_service_with_connect_info::<SocketAddr>();
    let address = args().nth(1).unwrap_or("127.0.0.1:8000".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    eprintln!("listening on http://{}/mcp", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let mut sigterm = signal(SignalKind::terminate())?;
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        sigterm.recv().await;
        stop.cancel();
    });
    Ok(server.await?)
}
