//! The HTTP edge: what happens to a request before it is an MCP call.

use crate::stack::required;
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderName, Method, header::AUTHORIZATION},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use mcp_layers::{
    BoxError,
    audit::{AuditHttpLayer, AuditLayer},
    authenticate::AuthenticateLayer,
    authorize::AuthorizeHttpLayer,
    config::{Layers, Settings},
    rate_limit::{AddressLimitLayer, forwarded_address},
    timing::TimingHttpLayer,
};
use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    num::NonZeroU8,
};
use tower::Service;
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, cors::*,
    limit::RequestBodyLimitLayer, request_id::*,
    sensitive_headers::SetSensitiveRequestHeadersLayer, trace::TraceLayer,
};

/// The headers that a web page may read.
const EXPOSED: [&str; 5] = [
    "mcp-session-id",
    "mcp-protocol-version",
    "www-authenticate",
    "retry-after",
    "x-request-id",
];

/// The layers of the settings that wrap HTTP requests, and not MCP calls.
pub(crate) struct HttpLayers {
    address_limit: AddressLimitLayer,
    audit: AuditLayer,
    authenticate: AuthenticateLayer,
    authorize: AuthorizeHttpLayer,
    cors: CorsLayer,
    pub(crate) max_body: usize,
}

impl HttpLayers {
    /// Takes them from the layers that were built of these settings.
    pub(crate) fn new(settings: &Settings, layers: &Layers) -> Result<Self, BoxError> {
        let authenticate = required(settings.authenticate.as_ref(), "authenticate")?;
        let authorize = required(settings.authorize.as_ref(), "authorize")?;
        let policy = required(layers.authorize.as_ref(), "authorize")?;
        Ok(Self {
            address_limit: required(layers.address_limit.clone(), "address_limit")?,
            audit: required(layers.audit.clone(), "audit")?,
            authenticate: required(layers.authenticate.clone(), "authenticate")?,
            authorize: authorize.http.layer(policy)?,
            cors: cors(&authenticate.allow_origins)?,
            max_body: authorize.http.max_body.get().try_into()?,
        })
    }
}

/// Serves `/mcp` and `/mcp/`, and nothing below. The last `layer` is the outermost.
pub(crate) fn router<S>(mcp: S, layers: HttpLayers, proxies: Option<NonZeroU8>) -> Router
where
    S: Service<Request<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    Router::new()
        .route_service("/mcp", mcp.clone())
        .route_service("/mcp/", mcp)
        .layer(layers.authorize)
        .layer(layers.authenticate)
        // Leaves event streams as they are.
        .layer(CompressionLayer::new())
        .layer(RequestBodyLimitLayer::new(layers.max_body))
        .layer(layers.address_limit)
        .layer(layers.cors)
        .layer(AuditHttpLayer::new(&layers.audit))
        .layer(TimingHttpLayer::new())
        // Panics of the layers inside; those of tools are answered in the stack.
        .layer(CatchPanicLayer::new())
        .layer(TraceLayer::new_for_http())
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(from_fn_with_state(proxies, client_address))
}

fn cors(origins: &[String]) -> Result<CorsLayer, BoxError> {
    let origins = origins.iter().map(|origin| origin.parse());
    let origins = origins.collect::<Result<Vec<_>, _>>()?;
    Ok(CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        // No list can name the headers `Mcp-Param-*`, which each tool defines.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED.map(HeaderName::from_static)))
}

/// Puts the client's address where all layers look for it: the peer, or what the proxies in front say.
async fn client_address(
    State(proxies): State<Option<NonZeroU8>>,
    mut request: Request,
    next: Next,
) -> Response {
    let forwarded = proxies.and_then(|hops| forwarded_address(request.headers(), hops));
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = forwarded.or(peer.map(|peer| peer.0.ip()));
    if let Some(address) = address {
        request.extensions_mut().insert::<IpAddr>(address);
    }
    next.run(request).await
}
