//! The layer.

use std::sync::Arc;

use mcp_layers_core::{Catalog, Clock, ConfigError};
use tower_layer::Layer;

use crate::{
    handle::TimingHandle,
    recorder::{MetricsRecorder, Recorder},
    series::Series,
    service::Timing,
    settings::{Settings, Side},
    state::State,
};

/// Records the duration of each MCP operation.
///
/// All services that a layer makes, their clones, the layer's clones and its handles share one state:
/// the series and the label values. Setters keep it, apart from [`TimingLayer::recorder`], which begins
/// a new state, because series belong to their recorder.
#[derive(Debug, Clone)]
pub struct TimingLayer {
    state: State,
}

impl TimingLayer {
    /// Records `mcp.server.operation.duration` and its siblings, to the `metrics` facade. Without the
    /// feature `metrics` nothing is recorded until [`TimingLayer::recorder`] sets a recorder.
    #[must_use]
    pub fn server() -> Self {
        Self::new(Side::Server)
    }

    /// Records `mcp.client.operation.duration` and its siblings, as [`TimingLayer::server`] does for a
    /// server.
    #[must_use]
    pub fn client() -> Self {
        Self::new(Side::Client)
    }

    fn new(side: Side) -> Self {
        Self {
            state: State {
                settings: Settings::new(side),
                clock: Clock::system(),
                series: Arc::new(Series::new(Arc::new(MetricsRecorder::new()))),
                catalog: Catalog::new(),
            },
        }
    }

    /// Records to another backend. The default is [`MetricsRecorder`].
    #[must_use]
    pub fn recorder(mut self, recorder: impl Recorder) -> Self {
        self.state.series = Arc::new(Series::new(Arc::new(recorder)));
        self
    }

    /// Reads the time from `clock`. The default is the operating system's monotonic clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.state.clock = clock;
        self
    }

    /// Sets the most names of tools, and of prompts, that become label values. The default is 512.
    /// Further names are recorded as `_OTHER`.
    ///
    /// # Errors
    /// If `names` is zero.
    pub fn max_names(mut self, names: usize) -> Result<Self, ConfigError> {
        self.state.settings.max_names = not_zero(names, "max_names")?;
        Ok(self)
    }

    /// Sets the most series of durations. The default is 1,600. Measurements beyond go to coarse
    /// series, which have the method and the kind of outcome alone: at most 304 more. Together they
    /// stay within the 2,000 series of a metric that the OpenTelemetry SDK keeps by default.
    ///
    /// # Errors
    /// If `series` is zero.
    pub fn max_series(mut self, series: usize) -> Result<Self, ConfigError> {
        self.state.settings.max_series = not_zero(series, "max_series")?;
        Ok(self)
    }

    /// A handle to the layer's state.
    #[must_use]
    pub fn handle(&self) -> TimingHandle {
        TimingHandle {
            series: Arc::clone(&self.state.series),
        }
    }
}

fn not_zero(value: usize, setter: &str) -> Result<usize, ConfigError> {
    if value == 0 {
        return Err(ConfigError::new(format!("{setter} must be at least 1")));
    }
    Ok(value)
}

impl<S> Layer<S> for TimingLayer {
    type Service = Timing<S>;

    fn layer(&self, inner: S) -> Timing<S> {
        Timing::with_state(inner, Arc::new(self.state.clone()))
    }
}

impl<S> Timing<S> {
    /// Wraps `inner` as `layer` does.
    pub fn new(inner: S, layer: &TimingLayer) -> Self {
        layer.layer(inner)
    }
}
