use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use mcp_layers_core::{
    BoxError, CatchError, CatchErrorFuture, CatchErrorLayer, NoMapping, Transport,
};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_mcp::{RouterRequest, RouterResponse, protocol::RequestId};
use tower_service::Service;

use crate::{Leaf, TowerMcpRequest, TowerMcpResponse, handshake::Session};

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
        transport: None,
    }
}

/// A stack of MCP layers as one layer for tower-mcp: made by [`layered`].
///
/// tower-mcp's HTTP and WebSocket transports build the service anew for every session, and for
/// every request of protocol version 2026-07-28. The layers of mcp-layers keep their state in the
/// layer, so that it is shared by all of these. Of tower's own layers some make their state when
/// the service is built: use `GlobalConcurrencyLimitLayer` in place of `ConcurrencyLimitLayer`
/// there.
#[derive(Clone)]
pub struct LayeredLayer<L> {
    stack: L,
    transport: Option<Transport>,
}

impl<L> LayeredLayer<L> {
    /// Says how requests come in ([`Connection::transport`]); unknown by default, as tower-mcp
    /// does not tell.
    ///
    /// [`Connection::transport`]: mcp_layers_core::Connection::transport
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = Some(transport);
        self
    }
}

impl<S, L: Layer<Leaf<S>>> Layer<S> for LayeredLayer<L> {
    type Service = Layered<L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        let session = Session::default();
        let stack = self.stack.layer(Leaf::new(inner, session.clone()));
        Layered {
            stack: CatchErrorLayer::new().layer(stack),
            session,
            transport: self.transport,
        }
    }
}

/// The service of [`LayeredLayer`]: `S` is the stack around a [`Leaf`].
pub struct Layered<S> {
    stack: CatchError<S>,
    session: Session,
    transport: Option<Transport>,
}

impl<S> Service<RouterRequest> for Layered<S>
where
    S: Service<TowerMcpRequest, Response = TowerMcpResponse>,
    S::Error: Into<BoxError>,
{
    type Response = RouterResponse;
    type Error = Infallible;
    type Future = LayeredFuture<S::Future>;

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

impl<S: Clone> Clone for Layered<S> {
    fn clone(&self) -> Self {
        Self {
            stack: self.stack.clone(),
            session: self.session.clone(),
            transport: self.transport,
        }
    }
}

pin_project! {
    /// The future of [`Layered`].
    pub struct LayeredFuture<F> {
        #[pin]
        future: CatchErrorFuture<F, RequestId, NoMapping>,
    }
}

impl<F, E> Future for LayeredFuture<F>
where
    F: Future<Output = Result<TowerMcpResponse, E>>,
    E: Into<BoxError>,
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

impl<S> fmt::Debug for Layered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layered")
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for LayeredFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayeredFuture").finish_non_exhaustive()
    }
}
