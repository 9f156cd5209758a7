//! A name for the type of a user's function that returns layers.

use mcp_layers_core::BoxError;
use tower_layer::Layer;
use tower_service::Service;

use super::{request::UpstreamRequest, upstream::Upstream};
use crate::RmcpResponse;

/// Layers for the calls of an rmcp client: the return type of a function that builds them, as
/// [`RmcpLayers`](crate::RmcpLayers) is for servers.
///
/// Implemented for every [`Layer`] that fits; there is no need to implement it.
///
/// ```
/// use mcp_layers_rmcp::{LayeredClient, UpstreamLayers};
/// use mcp_layers_timeout::TimeoutLayer;
/// use rmcp::{RoleClient, service::Peer};
/// use std::time::Duration;
///
/// fn layers() -> impl UpstreamLayers {
///     TimeoutLayer::new(Duration::from_secs(30))
/// }
///
/// fn layered(peer: Peer<RoleClient>) {
///     let client = LayeredClient::new(peer, layers());
///     // client.call_tool(..).await
/// #   let _ = client;
/// }
/// # let _ = layered;
/// ```
pub trait UpstreamLayers:
    Layer<
        Upstream,
        Service: Service<
            UpstreamRequest,
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

impl<L> UpstreamLayers for L
where
    L: Layer<Upstream>,
    L::Service: Service<UpstreamRequest, Response = RmcpResponse> + Clone + Send + Sync + 'static,
    <L::Service as Service<UpstreamRequest>>::Error: Into<BoxError> + Send,
    <L::Service as Service<UpstreamRequest>>::Future: Send,
{
}
