//! The layer.

use std::{fmt, sync::Arc};

use mcp_layers_core::{Catalog, ConfigError, clock::Clock};
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
/// All services that a layer makes, their clones and the layer's clones share one state: the series
/// and the label values. Setters keep it, apart from [`TimingLayer::recorder`], which begins a new
/// state, because series belong to their recorder.
pub struct TimingLayer<R = MetricsRecorder> {
    settings: Settings,
    recorder: Arc<R>,
    clock: Clock,
    series: Arc<Series>,
    catalog: Catalog,
}

impl TimingLayer {
    /// Records `mcp.server.operation.duration`, to the `metrics` facade.
    #[must_use]
    pub fn server() -> Self {
        Self::new(Settings::new(Side::Server), MetricsRecorder::new())
    }

    /// Records `mcp.client.operation.duration`, to the `metrics` facade.
    #[must_use]
    pub fn client() -> Self {
        Self::new(Settings::new(Side::Client), MetricsRecorder::new())
    }
}

impl<R> TimingLayer<R> {
    fn new(settings: Settings, recorder: R) -> Self {
        Self {
            settings,
            recorder: Arc::new(recorder),
            clock: Clock::system(),
            series: Arc::default(),
            catalog: Catalog::new(),
        }
    }

    /// Records to another backend. The default is [`MetricsRecorder`].
    #[must_use]
    pub fn recorder<R2: Recorder>(self, recorder: R2) -> TimingLayer<R2> {
        TimingLayer {
            clock: self.clock,
            ..TimingLayer::new(self.settings, recorder)
        }
    }

    /// Reads the time from `clock`. The default is the operating system's monotonic clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the most names of tools, and of prompts, that become label values. The default is 512.
    /// Further names are recorded as `_OTHER`.
    ///
    /// # Errors
    /// If `names` is zero.
    pub fn max_names(mut self, names: usize) -> Result<Self, ConfigError> {
        self.settings.max_names = not_zero(names, "max_names")?;
        Ok(self)
    }

    /// Sets the most series of durations. The default is 1,600. Measurements beyond go to coarse
    /// series, which have the method and the kind of outcome alone: at most 304 more. Together they
    /// stay within the 2,000 series of a metric that the OpenTelemetry SDK keeps by default.
    ///
    /// # Errors
    /// If `series` is zero.
    pub fn max_series(mut self, series: usize) -> Result<Self, ConfigError> {
        self.settings.max_series = not_zero(series, "max_series")?;
        Ok(self)
    }

    /// A handle to the layer's state.
    #[must_use]
    pub fn handle(&self) -> TimingHandle {
        TimingHandle {
            series: Arc::clone(&self.series),
        }
    }
}

fn not_zero(value: usize, setter: &str) -> Result<usize, ConfigError> {
    if value == 0 {
        return Err(ConfigError::new(format!("{setter} must be at least 1")));
    }
    Ok(value)
}

impl<S, R> Layer<S> for TimingLayer<R> {
    type Service = Timing<S, R>;

    fn layer(&self, inner: S) -> Timing<S, R> {
        let state = State {
            settings: self.settings.clone(),
            recorder: Arc::clone(&self.recorder),
            clock: self.clock.clone(),
            series: Arc::clone(&self.series),
            catalog: self.catalog.clone(),
        };
        Timing::with_state(inner, Arc::new(state))
    }
}

impl<S, R> Timing<S, R> {
    /// Wraps `inner` as `layer` does.
    pub fn new(inner: S, layer: &TimingLayer<R>) -> Self {
        layer.layer(inner)
    }
}

impl<R> Clone for TimingLayer<R> {
    fn clone(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            recorder: Arc::clone(&self.recorder),
            clock: self.clock.clone(),
            series: Arc::clone(&self.series),
            catalog: self.catalog.clone(),
        }
    }
}

impl<R> fmt::Debug for TimingLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimingLayer")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
