//! The view of a notification.

use crate::Method;

/// A view of one MCP notification.
///
/// A notification has no response (JSON-RPC 2.0, section 4.1), so a layer for notifications is a
/// `Service<N, Response = ()>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an MCP notification",
    label = "this is not a notification that MCP layers can read",
    note = "use the notification type of an adapter or `mcp_layers_core::json_rpc::JsonRpcNotification`"
)]
pub trait McpNotification: Sized {
    /// The method.
    fn method(&self) -> Method<'_>;

    /// The resource of a `notifications/resources/updated`.
    fn resource_uri(&self) -> Option<&str>;

    /// A typed extension of the server, its users or the transport.
    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T>;
}
