//! A stack of layers, built once.

use std::{fmt, sync::Arc};

use mcp_layers_core::{BoxError, CatchError, CatchErrorLayer};
use rmcp::{RoleServer, ServerHandler};
use tower_layer::Layer;
use tower_service::Service;

use super::{handler::LayeredHandler, leaf::Leaf, request::RmcpRequest, service::LayeredService};
use crate::RmcpResponse;

/// A stack of layers, built once, to be put around any number of handlers.
///
/// `S` is the service that the layers made. A clone shares the layers' state. Errors of the
/// layers become error responses by the rules of [`CatchErrorLayer`]; one of one's own inside the
/// stack goes first.
///
/// rmcp asks for a handler per session or, from 2026-07-28 on, per HTTP request. A stack made for
/// each of them would have fresh limits, fresh caches and fresh metrics each time; this one is made
/// before.
///
/// ```
/// use mcp_layers_core::{CancelLayer, CatchPanicLayer};
/// use mcp_layers_rmcp::Stack;
/// use rmcp::ServerHandler;
/// use tower::ServiceBuilder;
///
/// #[derive(Default)]
/// struct Server;
/// impl ServerHandler for Server {}
///
/// let stack = Stack::new(
///     ServiceBuilder::new().layer(CatchPanicLayer::new()).layer(CancelLayer::new()),
/// );
/// // What a factory does for each session: another handler, the same layers.
/// let make = move || stack.handler(Server);
/// let (_one, _other) = (make(), make());
/// ```
pub struct Stack<S> {
    stack: Arc<CatchError<S>>,
}

impl<S> Stack<S> {
    /// Builds the stack: `layers` is a `ServiceBuilder` or any other [`Layer`].
    pub fn new<L>(layers: L) -> Self
    where
        L: Layer<Leaf, Service = S>,
    {
        Self {
            stack: Arc::new(CatchErrorLayer::new().layer(layers.layer(Leaf::new()))),
        }
    }

    /// Puts the stack around a handler, for `.serve(transport)` and `StreamableHttpService`.
    pub fn handler<H: ServerHandler>(&self, handler: H) -> LayeredHandler<CatchError<S>, H> {
        LayeredHandler::new(Arc::clone(&self.stack), handler)
    }

    /// Puts the stack around a service of rmcp, for `.serve(transport)` alone; the stack sees
    /// requests before rmcp's own checks.
    pub fn service<T: rmcp::Service<RoleServer>>(
        &self,
        service: T,
    ) -> LayeredService<CatchError<S>, T> {
        LayeredService::new(Arc::clone(&self.stack), service)
    }
}

impl<S> Clone for Stack<S> {
    fn clone(&self) -> Self {
        Self {
            stack: Arc::clone(&self.stack),
        }
    }
}

impl<S> fmt::Debug for Stack<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").finish_non_exhaustive()
    }
}

/// Puts layers around a handler in one call: `handler.layered(layers).serve(stdio())`.
pub trait Layered: ServerHandler {
    /// Builds a stack for this handler alone. For a factory that makes many handlers, build one
    /// [`Stack`] before and use [`Stack::handler`].
    fn layered<L>(self, layers: L) -> LayeredHandler<CatchError<L::Service>, Self>
    where
        L: Layer<Leaf>,
        L::Service: Service<RmcpRequest, Response = RmcpResponse> + Clone,
        <L::Service as Service<RmcpRequest>>::Error: Into<BoxError>,
    {
        Stack::new(layers).handler(self)
    }
}

impl<H: ServerHandler> Layered for H {}
