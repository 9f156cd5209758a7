//! Names for the types of a user's functions that return layers.

use mcp_layers_core::BoxError;
use tower_layer::Layer;
use tower_service::Service;

use super::{leaf::Leaf, request::RmcpRequest};
use crate::RmcpResponse;

/// Layers for an rmcp server: the return type of a function that builds a stack once for standard
/// input and output, and for HTTP.
///
/// Implemented for every [`Layer`] that fits; there is no need to implement it.
///
/// ```
/// use mcp_layers_timeout::TimeoutLayer;
/// use mcp_layers_util::{CancelLayer, CatchPanicLayer};
/// use mcp_layers_rmcp::{Layered, RmcpLayers, Stack};
/// use rmcp::{ServerHandler, transport::streamable_http_server::StreamableHttpService};
/// use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
/// use std::time::Duration;
/// use tower::ServiceBuilder;
///
/// #[derive(Clone, Default)]
/// struct MyServer;
/// impl ServerHandler for MyServer {}
///
/// fn layers() -> impl RmcpLayers {
///     ServiceBuilder::new()
///         .layer(CatchPanicLayer::new())
///         .layer(CancelLayer::new())
///         .layer(TimeoutLayer::new(Duration::from_secs(30)))
/// }
///
/// // For standard input and output: `stdio().serve(rmcp::transport::stdio())`.
/// fn stdio() -> impl ServerHandler {
///     MyServer.layered(layers())
/// }
///
/// // For HTTP: a service for axum, hyper or tower.
/// # #[cfg(feature = "http")]
/// fn http() -> StreamableHttpService<impl ServerHandler, LocalSessionManager> {
///     Stack::new(layers()).http(|| MyServer, Default::default(), Default::default())
/// }
/// # let _ = stdio();
/// ```
pub trait RmcpLayers:
    Layer<
        Leaf,
        Service: Service<
            RmcpRequest,
            Response = RmcpResponse,
            Error: Into<BoxError> + Send,
            Future: Send,
        > + Clone
                     + Send
                     + Sync
                     + 'static,
    >
{
}

impl<L> RmcpLayers for L
where
    L: Layer<Leaf>,
    L::Service: Service<RmcpRequest, Response = RmcpResponse> + Clone + Send + Sync + 'static,
    <L::Service as Service<RmcpRequest>>::Error: Into<BoxError> + Send,
    <L::Service as Service<RmcpRequest>>::Future: Send,
{
}
