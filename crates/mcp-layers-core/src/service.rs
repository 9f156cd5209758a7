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

/// The accessors of a service `X<S>` with a field `inner: S`: `get_ref`, `get_mut` and `into_inner`.
#[doc(hidden)]
#[macro_export]
macro_rules! accessors {
    () => {
        /// Returns a reference to the inner service.
        pub fn get_ref(&self) -> &S {
            &self.inner
        }

        /// Returns a mutable reference to the inner service. Requests sent to it skip this layer.
        pub fn get_mut(&mut self) -> &mut S {
            &mut self.inner
        }

        /// Returns the inner service.
        pub fn into_inner(self) -> S {
            self.inner
        }
    };
}

/// Implements `Debug` by the name of the type alone: for futures, closures, and what may hold secrets.
#[doc(hidden)]
#[macro_export]
macro_rules! opaque_debug {
    ($name:ident $(<$($parameter:ident $(: $bound:path)?),+>)?) => {
        impl $(<$($parameter $(: $bound)?),+>)? ::std::fmt::Debug for $name $(<$($parameter),+>)? {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
