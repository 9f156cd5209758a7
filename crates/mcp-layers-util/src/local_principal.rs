//! The principal of a server over standard input and output.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use tower_layer::Layer;
use tower_service::Service;

use mcp_layers_core::{McpRequest, Principal, request::Transport};

/// Sets the principal of requests over standard input and output.
///
/// A server over standard input has no HTTP header for a token. The MCP specification says that it
/// should not follow the authorization flow, and should retrieve credentials from the environment
/// (2026-07-28, basic/authorization). The process belongs to the user who started it, so the
/// principal comes from configuration, and the same policy decides as over HTTP.
///
/// 1. Only a request over a pipe ([`Transport::Pipe`]) gets the principal. In front of a server on a
///    network this layer does nothing, so no remote caller becomes local. An adapter that does not
///    know its transport reports everything but HTTP as a pipe: do not use this layer over a raw
///    socket.
/// 2. A principal that is already set is kept.
///
/// ```
/// use mcp_layers_core::{Authentication, Principal};
/// use mcp_layers_util::LocalPrincipalLayer;
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
    /// Sets this principal, usually one with
    /// [`Authentication::Local`](mcp_layers_core::Authentication::Local), on requests over a pipe.
    pub fn new(principal: impl Into<Arc<Principal>>) -> Self {
        Self {
            principal: principal.into(),
        }
    }
}

impl<S> Layer<S> for LocalPrincipalLayer {
    type Service = LocalPrincipal<S>;

    fn layer(&self, inner: S) -> LocalPrincipal<S> {
        LocalPrincipal::new(inner, Arc::clone(&self.principal))
    }
}

/// The service of [`LocalPrincipalLayer`].
#[derive(Debug, Clone)]
pub struct LocalPrincipal<S> {
    inner: S,
    principal: Arc<Principal>,
}

impl<S> LocalPrincipal<S> {
    /// Wraps a service.
    pub fn new(inner: S, principal: impl Into<Arc<Principal>>) -> Self {
        Self {
            inner,
            principal: principal.into(),
        }
    }

    mcp_layers_core::accessors!();
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
