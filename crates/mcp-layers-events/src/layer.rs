//! The layer.

use std::sync::Arc;

use mcp_layers_core::ConfigError;
use tower_layer::Layer;

use crate::{
    names::{MAX_NAMES, Names},
    recorder::{MetricsRecorder, Recorder},
    service::Events,
    state::State,
};

/// Counts and logs the decisions that inner layers made about each request.
///
/// All services that a layer makes, their clones and the layer's clones share the label values.
#[derive(Debug, Clone)]
pub struct EventsLayer {
    state: State,
}

impl EventsLayer {
    /// Increments the counter `mcp_layers_events_total` and emits `tracing` events with the target
    /// `mcp_layers::events`.
    #[must_use]
    pub fn new() -> Self {
        let state = State {
            max_names: MAX_NAMES,
            names: Arc::new(Names::default()),
            recorder: Arc::new(MetricsRecorder::new()),
        };
        Self { state }
    }

    /// Counts with another backend. The default is [`MetricsRecorder`].
    #[must_use]
    pub fn recorder(mut self, recorder: impl Recorder) -> Self {
        self.state.recorder = Arc::new(recorder);
        self
    }

    /// Sets the most names of rules, of circuits and of layers that become label values. The default
    /// is 128 of each. Further names are `_OTHER`.
    ///
    /// # Errors
    /// If `names` is zero.
    pub fn max_names(mut self, names: usize) -> Result<Self, ConfigError> {
        if names == 0 {
            return Err(ConfigError::new("max_names must be at least 1"));
        }
        self.state.max_names = names;
        Ok(self)
    }
}

impl Default for EventsLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for EventsLayer {
    type Service = Events<S>;

    fn layer(&self, inner: S) -> Events<S> {
        Events::with_state(inner, self.state.clone())
    }
}

impl<S> Events<S> {
    /// Wraps `inner` as `layer` does.
    pub fn new(inner: S, layer: &EventsLayer) -> Self {
        layer.layer(inner)
    }
}
