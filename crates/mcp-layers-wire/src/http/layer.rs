//! The layer.

use std::{sync::Arc, time::Duration};

use mcp_layers_core::{Catalog, ConfigError};
use tower::util::BoxCloneSyncService;
use tower_layer::Layer;

use super::{
    Wire,
    path::segments,
    settings::{Batches, Settings},
    shared::Shared,
};
use crate::{
    Leaf, WireService,
    error::not_zero,
    leaf::{Stack, in_catalog, stack},
};

/// Layers in front of an MCP server that speaks streamable HTTP: a [`Layer`] over any service of HTTP
/// requests.
///
/// `S` is the service that the layers made. It is built once, for all services of this layer, and all
/// of them share one state. A setter on a clone gives the clone a state of its own. A
/// [`CatalogLayer`](mcp_layers_core::CatalogLayer) wraps the layers, and errors become error responses by the rules of
/// [`CatchErrorLayer`](mcp_layers_util::CatchErrorLayer).
#[derive(Clone)]
pub struct WireLayer<S> {
    stack: Stack<S>,
    shared: Arc<Shared>,
}

impl<S> WireLayer<S> {
    /// Builds the stack: `layers` is a `ServiceBuilder` or any other [`Layer`].
    pub fn new<L>(layers: L) -> Self
    where
        L: Layer<Leaf, Service = S>,
    {
        Self {
            stack: stack(layers),
            shared: Arc::new(Shared::new(Settings::default())),
        }
    }

    /// Sets the catalog of the names that the server offers. Every layer has one of its own until
    /// then. A name that it does not know is looked up in the server's list before the layers are
    /// called.
    #[must_use]
    pub fn catalog(self, catalog: Catalog) -> Self
    where
        S: Clone,
    {
        Self {
            stack: in_catalog(&self.stack, catalog),
            ..self
        }
    }

    /// Sets the maximum size of a message in bytes: a larger request is refused with HTTP status 413,
    /// and a larger answer that is no event fails its call. Default: 16 MiB.
    ///
    /// # Errors
    /// If the size is zero.
    pub fn max_body(self, bytes: usize) -> Result<Self, ConfigError> {
        let max_body = not_zero(bytes, "max_body")?;
        Ok(self.set(|settings| settings.max_body = max_body))
    }

    /// Sets the maximum size of an event in bytes. A larger one fails the call on whose stream it
    /// comes; on a stream of GET it is dropped. Default: 16 MiB.
    ///
    /// # Errors
    /// If the size is zero.
    pub fn max_event(self, bytes: usize) -> Result<Self, ConfigError> {
        let max_event = not_zero(bytes, "max_event")?;
        Ok(self.set(|settings| settings.max_event = max_event))
    }

    /// Sets the maximum number of legacy sessions whose `initialize` is remembered, with four times
    /// [`max_body`](Self::max_body) together. The oldest leave first; layers then no longer see what
    /// their client declared. Default: 10,000.
    ///
    /// # Errors
    /// If the number is zero.
    pub fn max_sessions(self, sessions: usize) -> Result<Self, ConfigError> {
        let max_sessions = not_zero(sessions, "max_sessions")?;
        Ok(self.set(|settings| settings.max_sessions = max_sessions))
    }

    /// Sets the maximum number of parked calls, and of answers that are remembered, with four times
    /// [`max_event`](Self::max_event) together. One principal has a quarter of the places for
    /// calls at most. A call that finds none ends with its connection; the oldest answers leave first.
    /// Default: 1,000.
    ///
    /// # Errors
    /// If the number is zero.
    pub fn max_parked(self, calls: usize) -> Result<Self, ConfigError> {
        let max_parked = not_zero(calls, "max_parked")?;
        Ok(self.set(|settings| settings.max_parked = max_parked))
    }

    /// Sets the time for which a call waits for a legacy client that has lost its connection, and for
    /// which its answer is remembered. Later, the server's answer is dropped. Default: 60 seconds.
    ///
    /// # Errors
    /// If the time is zero.
    pub fn park_for(self, time: Duration) -> Result<Self, ConfigError> {
        if time.is_zero() {
            return Err(ConfigError::new("park_for must not be zero"));
        }
        Ok(self.set(|settings| settings.park_for = time))
    }

    /// Sets the treatment of JSON-RPC batches. Default: [`Batches::Refuse`].
    #[must_use]
    pub fn batches(self, batches: Batches) -> Self {
        self.set(|settings| settings.batches = batches)
    }

    /// Sets the path of the MCP endpoint, such as `/mcp`. Requests for other paths pass by the layers,
    /// apart from other spellings of this path and paths below it. Default: every path.
    #[must_use]
    pub fn path(self, path: &str) -> Self {
        let path = Some(segments(path));
        self.set(|settings| settings.path = path)
    }

    fn set(self, set: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.shared.settings.clone();
        set(&mut settings);
        Self {
            shared: Arc::new(Shared::new(settings)),
            ..self
        }
    }
}

impl<S, I> Layer<I> for WireLayer<S>
where
    S: WireService,
{
    type Service = Wire<I>;

    fn layer(&self, inner: I) -> Wire<I> {
        let stack = BoxCloneSyncService::new(self.stack.clone());
        Wire::with_stack(inner, stack, self.shared.clone())
    }
}

impl<I> Wire<I> {
    /// Wraps a service, with default settings.
    pub fn new<L>(inner: I, layers: L) -> Self
    where
        L: Layer<Leaf>,
        L::Service: WireService,
    {
        WireLayer::new(layers).layer(inner)
    }
}

mcp_layers_core::opaque_debug!(WireLayer<S>);
