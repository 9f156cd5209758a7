use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use mcp_layers_core::{
    BoxError, Catalog, CatalogLayer,
    catalog_layer::{CatalogFuture, Cataloged},
    request::Transport,
};
use mcp_layers_util::{CatchError, CatchErrorLayer};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_mcp::{RouterRequest, RouterResponse};
use tower_service::Service;

use crate::{handshake::Session, leaf::Leaf, request::TowerMcpRequest, response::TowerMcpResponse};

/// Makes of a stack of MCP layers one layer that tower-mcp accepts: its transports' `layer`
/// methods, its in-process client transport, or a `ServiceBuilder` around an
/// [`McpRouter`](tower_mcp::McpRouter).
///
/// `stack` is any [`Layer`]: one layer, or a `tower::ServiceBuilder` with several.
///
/// An error that leaves the stack becomes a JSON-RPC error response, by the rules of
/// [`CatchErrorLayer`]: it never carries the error's own words. Without this, tower-mcp would send
/// them. To choose the answers, or to have layers outside of it see them, put a
/// [`CatchErrorLayer`] of your own into the stack.
pub fn layered<L>(stack: L) -> LayeredLayer<L> {
    LayeredLayer {
        stack,
        catalog: Catalog::new(),
        transport: None,
    }
}

/// A stack of MCP layers as one layer for tower-mcp: made by [`layered`].
///
/// tower-mcp's HTTP and WebSocket transports build the service for every session, and for every
/// request of protocol version 2026-07-28. The layers of mcp-layers keep their state in the
/// layer, so that it is shared by all of these. Of tower's own layers some make their state when
/// the service is built: use `GlobalConcurrencyLimitLayer` in place of `ConcurrencyLimitLayer`
/// there.
#[derive(Clone)]
pub struct LayeredLayer<L> {
    stack: L,
    catalog: Catalog,
    transport: Option<Transport>,
}

impl<L> LayeredLayer<L> {
    /// Sets the catalog of the names that the server offers. Every stack has one of its own until
    /// then; set one to declare names, or to clear it when the server's lists change.
    ///
    /// A name that it does not know is looked up in the router's lists before the layers are called.
    #[must_use]
    pub fn catalog(mut self, catalog: Catalog) -> Self {
        self.catalog = catalog;
        self
    }

    /// Sets the transport that layers see ([`Connection::transport`]). Unknown by default, because
    /// tower-mcp does not report it.
    ///
    /// [`Connection::transport`]: mcp_layers_core::request::Connection::transport
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = Some(transport);
        self
    }
}

impl<S: Clone, L: Layer<Leaf<S>>> Layer<S> for LayeredLayer<L> {
    type Service = Layered<L::Service, S>;

    fn layer(&self, inner: S) -> Self::Service {
        let session = Session::default();
        let leaf = Leaf::new(inner, session.clone());
        let catalog = CatalogLayer::new(self.catalog.clone()).look_up_at(leaf.clone());
        let stack = CatchErrorLayer::new().layer(self.stack.layer(leaf));
        Layered {
            stack: catalog.layer(stack),
            session,
            transport: self.transport,
        }
    }
}

/// The service of [`LayeredLayer`]: `S` is the stack around a [`Leaf`], `R` the router inside it.
#[derive(Clone)]
pub struct Layered<S, R> {
    stack: Cataloged<CatchError<S>, Leaf<R>>,
    session: Session,
    transport: Option<Transport>,
}

impl<S, R> Service<RouterRequest> for Layered<S, R>
where
    S: Service<TowerMcpRequest, Response = TowerMcpResponse> + Clone,
    S::Error: Into<BoxError>,
    R: Service<RouterRequest, Response = RouterResponse> + Clone + Send + 'static,
    R::Error: Send,
    R::Future: Send,
{
    type Response = RouterResponse;
    type Error = Infallible;
    type Future = LayeredFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.stack.poll_ready(cx)
    }

    fn call(&mut self, request: RouterRequest) -> Self::Future {
        let request = TowerMcpRequest::arrived(request, &self.session, self.transport);
        LayeredFuture {
            future: self.stack.call(request),
        }
    }
}

pin_project! {
    /// The future of [`Layered`].
    pub struct LayeredFuture<S>
    where
        S: Service<TowerMcpRequest, Response = TowerMcpResponse>,
        S::Error: Into<BoxError>,
    {
        #[pin]
        future: CatalogFuture<CatchError<S>, TowerMcpRequest>,
    }
}

impl<S> Future for LayeredFuture<S>
where
    S: Service<TowerMcpRequest, Response = TowerMcpResponse>,
    S::Error: Into<BoxError>,
{
    type Output = Result<RouterResponse, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.project().future.poll(cx))?;
        Poll::Ready(Ok(response.into_inner()))
    }
}

impl<L> fmt::Debug for LayeredLayer<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayeredLayer")
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

impl<S, R> fmt::Debug for Layered<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layered")
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for LayeredFuture<S>
where
    S: Service<TowerMcpRequest, Response = TowerMcpResponse>,
    S::Error: Into<BoxError>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayeredFuture").finish_non_exhaustive()
    }
}
