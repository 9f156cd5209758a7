//! Who is calling over standard input.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{McpRequest, Principal, Transport};
use tower_layer::Layer;
use tower_service::Service;

/// Says who is calling over standard input and output.
///
/// Servers over standard input do not follow the authorization specification of MCP (2026-07-28,
/// basic/authorization: implementations with an STDIO transport "SHOULD NOT follow this specification, and
/// instead retrieve credentials from the environment"): whoever starts the process owns it, and
/// there is no header for a token. So the principal comes from configuration, and the same policy
/// decides as over HTTP.
///
/// 1. Only a request that came through a pipe ([`Transport::Pipe`]) gets the principal. In front of
///    a server on a network it does nothing, so that nobody there becomes local. (An adapter that
///    knows no better takes what did not come over HTTP for a pipe: do not stack this layer over a
///    raw socket.)
/// 2. A principal that is there already stays.
///
/// ```
/// use mcp_layers_auth::LocalPrincipalLayer;
/// use mcp_layers_core::{Authentication, Principal};
///
/// let owner = Principal::new("owner", Authentication::Local).with_scopes(["tools"]);
/// let layer = LocalPrincipalLayer::new(owner);
/// # let _ = layer;
/// ```
#[derive(Debug, Clone)]
pub struct LocalPrincipalLayer {
    principal: Arc<Principal>,
}

impl LocalPrincipalLayer {
    /// Everything that comes through a pipe comes from this principal: as a rule one with
    /// [`Authentication::Local`](mcp_layers_core::Authentication::Local).
    pub fn new(principal: impl Into<Arc<Principal>>) -> Self {
        Self {
            principal: principal.into(),
        }
    }
}

impl<S> Layer<S> for LocalPrincipalLayer {
    type Service = LocalPrincipal<S>;

    fn layer(&self, inner: S) -> LocalPrincipal<S> {
        LocalPrincipal {
            inner,
            principal: Arc::clone(&self.principal),
        }
    }
}

/// The service of [`LocalPrincipalLayer`].
#[derive(Debug, Clone)]
pub struct LocalPrincipal<S> {
    inner: S,
    principal: Arc<Principal>,
}

impl<S, Req> Service<Req> for LocalPrincipal<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> S::Future {
        let is_piped = request.connection().transport == Some(Transport::Pipe);
        if is_piped && request.context().principal().is_none() {
            let principal = Arc::clone(&self.principal);
            request.context_mut().set_principal(principal);
        }
        self.inner.call(request)
    }
}
