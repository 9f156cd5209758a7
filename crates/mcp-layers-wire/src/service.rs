//! A bound for the stacks that calls on the wire pass through.

use mcp_layers_core::{BoxError, JsonRpcRequest, JsonRpcResponse};
use tower_service::Service;

/// A [`Service`] that layers made around the leaf, which sends a call to the server. Implemented for
/// every service that fits; it cannot be implemented otherwise.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in front of a server on the wire",
    note = "it has to answer `JsonRpcRequest` with `JsonRpcResponse`, and to be `Clone`, `Send` and `Sync`"
)]
pub trait WireService:
    Service<JsonRpcRequest, Response = JsonRpcResponse, Error: Into<BoxError> + Send, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> WireService for S
where
    S: Service<JsonRpcRequest, Response = JsonRpcResponse> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
{
}
