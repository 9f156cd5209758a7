//! The layer.

use std::{sync::Arc, time::Duration};

use mcp_layers_core::Refusal;
use tower_layer::Layer;

use crate::{
    handle::DrainHandle,
    service::{Drain, Settings},
    state::State,
};

/// Counts the requests in flight, and refuses new ones while the server is draining.
///
/// All services that a layer makes, their clones and the layer's clones share one state.
#[derive(Debug, Clone)]
pub struct DrainLayer {
    settings: Settings,
    state: Arc<State>,
}

impl DrainLayer {
    /// A layer that lets every request pass until its handle drains it.
    #[must_use]
    pub fn new() -> Self {
        let settings = Settings {
            retry_after: Duration::from_secs(1),
            refusal: Refusal::new(),
        };
        let state = Arc::new(State::new());
        Self { settings, state }
    }

    /// Sets the time after which refused callers are told to try again. The default is 1 second,
    /// enough for a load balancer to send them to another replica; a server without one needs the
    /// time of its restart.
    #[must_use]
    pub fn retry_after(mut self, retry_after: Duration) -> Self {
        self.settings.retry_after = retry_after;
        self
    }

    /// Refuses a `tools/call` with a result that has `isError: true` instead of a protocol error, so
    /// that a model reads the message.
    #[must_use]
    pub fn as_tool_error(mut self) -> Self {
        self.settings.refusal = self.settings.refusal.as_tool_error();
        self
    }

    /// The handle that drains the server.
    #[must_use]
    pub fn handle(&self) -> DrainHandle {
        DrainHandle(Arc::clone(&self.state))
    }
}

impl Default for DrainLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for DrainLayer {
    type Service = Drain<S>;

    fn layer(&self, inner: S) -> Drain<S> {
        Drain::with_state(inner, self.settings, Arc::clone(&self.state))
    }
}

impl<S> Drain<S> {
    /// Wraps `inner` as `layer` does.
    pub fn new(inner: S, layer: &DrainLayer) -> Self {
        layer.layer(inner)
    }
}
