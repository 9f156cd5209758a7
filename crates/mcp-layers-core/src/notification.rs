//! What a layer sees of a notification.

use crate::Method;

/// A view of one MCP notification.
///
/// A notification has no answer (JSON-RPC 2.0, section 4.1), so that it is a family of its own:
/// a layer for notifications is a `Service<N, Response = ()>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an MCP notification",
    label = "this is not a notification that MCP layers can read",
    note = "use the notification type of an adapter or `mcp_layers_core::JsonRpcNotification`"
)]
pub trait McpNotification: Sized {
    /// The method.
    fn method(&self) -> Method<'_>;

    /// The resource that `notifications/resources/updated` is about.
    fn resource_uri(&self) -> Option<&str>;

    /// A typed extension: the server's own, or the transport's.
    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T>;
}
