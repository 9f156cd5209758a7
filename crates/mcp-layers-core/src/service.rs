//! A bound for services that answer MCP requests.

use tower_service::Service;

use crate::McpRequest;

/// A [`Service`] that answers the MCP requests `Req`. Implemented for every such service.
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

/// The accessors that every service has, as those of tower-http do.
macro_rules! accessors {
    ($inner:ident: $S:ident) => {
        /// Gets a reference to the inner service.
        pub fn get_ref(&self) -> &$S {
            &self.$inner
        }

        /// Gets a mutable reference to the inner service.
        pub fn get_mut(&mut self) -> &mut $S {
            &mut self.$inner
        }

        /// Returns the inner service.
        pub fn into_inner(self) -> $S {
            self.$inner
        }
    };
}
pub(crate) use accessors;
