//! A stack of layers, built once.

use std::sync::Arc;

use mcp_layers_core::{Catalog, CatalogLayer};
use mcp_layers_util::{CatchError, CatchErrorLayer};
use rmcp::{RoleServer, ServerHandler};
use tower_layer::Layer;

use super::{
    answer::Whole, handler::LayeredHandler, layers::RmcpLayers, leaf::Leaf, service::LayeredService,
};

/// A stack of layers, built once, that wraps any number of handlers.
///
/// `S` is the service that the layers made. A clone shares the layers' state. Errors of the layers
/// become error responses by the rules of [`CatchErrorLayer`]; a [`CatchErrorLayer`] among the layers
/// takes precedence.
///
/// rmcp asks for a handler per session or, from 2026-07-28 on, per HTTP request. A stack made for
/// each of them would have fresh limits, fresh caches and fresh metrics each time; this one is made
/// before.
///
/// ```
/// use mcp_layers_util::{CancelLayer, CatchPanicLayer};
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
/// // A factory makes another handler for each session, with the same layers.
/// let make = move || stack.handler(Server);
/// let (_one, _other) = (make(), make());
/// ```
pub struct Stack<S> {
    stack: Arc<Whole<S>>,
}

impl<S> Stack<S> {
    /// Builds the stack: `layers` is a `ServiceBuilder` or any other [`Layer`].
    pub fn new<L>(layers: L) -> Self
    where
        L: Layer<Leaf, Service = S>,
    {
        let service = CatchErrorLayer::new().layer(layers.layer(Leaf::new()));
        Self::with_catalog(service, Catalog::new())
    }

    fn with_catalog(service: CatchError<S>, catalog: Catalog) -> Self {
        let catalog = CatalogLayer::new(catalog).look_up_at(Leaf::new());
        Self {
            stack: Arc::new(catalog.layer(service)),
        }
    }

    /// Sets the catalog of the names that the server offers. Every stack has one of its own until
    /// then; set one to declare names, or to clear it when the server's lists change.
    ///
    /// A name that it does not know is looked up at the handler before the layers are called: by
    /// `ServerHandler::get_tool`, otherwise by reading the handler's list.
    ///
    /// ```
    /// use mcp_layers_core::Catalog;
    /// use mcp_layers_util::CancelLayer;
    /// use mcp_layers_rmcp::Stack;
    ///
    /// let catalog = Catalog::new().with_tools(["search", "fetch"]);
    /// let stack = Stack::new(CancelLayer::new()).catalog(catalog.clone());
    /// # let _ = stack;
    /// ```
    #[must_use]
    pub fn catalog(self, catalog: Catalog) -> Self
    where
        S: Clone,
    {
        Self::with_catalog(self.stack.get_ref().clone(), catalog)
    }

    /// Wraps a handler, for `.serve(transport)` and `StreamableHttpService`.
    pub fn handler<H: ServerHandler>(&self, handler: H) -> LayeredHandler<S, H> {
        LayeredHandler::new(Arc::clone(&self.stack), handler)
    }

    /// Wraps an `rmcp::Service`, for `.serve(transport)` alone. The stack sees requests before rmcp's
    /// own checks.
    pub fn service<T: rmcp::Service<RoleServer>>(&self, service: T) -> LayeredService<S, T> {
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

mcp_layers_core::opaque_debug!(Stack<S>);

/// Wraps a handler in layers in one call: `handler.layered(layers).serve(stdio())`.
pub trait Layered: ServerHandler {
    /// Builds a stack for this handler alone. For a factory that makes many handlers, build one
    /// [`Stack`] before and use [`Stack::handler`].
    fn layered<L: RmcpLayers>(self, layers: L) -> LayeredHandler<L::Service, Self> {
        Stack::new(layers).handler(self)
    }
}

impl<H: ServerHandler> Layered for H {}
