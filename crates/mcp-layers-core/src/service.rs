//! One bound for a service that answers MCP requests.

use tower_service::Service;

use crate::McpRequest;

/// A [`Service`] that answers the MCP requests `Req`. Every such service is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer the MCP requests `{Req}`",
    label = "not a `Service<{Req}>` whose response is the one of `{Req}`",
    note = "a layer below may have changed the response type, or the service may lack `Clone`"
)]
pub trait McpService<Req: McpRequest>: Service<Req, Response = Req::Response> {}

impl<S, Req> McpService<Req> for S
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
{
}
