//! The settings.

use std::{fmt, num::NonZeroU16, sync::Arc};

use mcp_layers_core::{Clock, SystemClock};
use tower_layer::Layer;

use crate::{MetricsRecorder, Recorder, Timing, attribute::Named, end::Side, series::Series};

/// Records how long each MCP operation took.
///
/// All services that a layer makes, their clones and the layer's clones share one state: the
/// names it knows and the series it opened. A setter begins a new one.
pub struct TimingLayer<R = MetricsRecorder, C = SystemClock> {
    series: Arc<Series<R>>,
    recorder: Arc<R>,
    clock: C,
    settings: Settings,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) side: Side,
    pub(crate) max_names: NonZeroU16,
    pub(crate) max_series: NonZeroU16,
    pub(crate) known: Vec<(Named, Box<str>)>,
}

impl TimingLayer {
    /// For a server: `mcp.server.operation.duration`, to the `metrics` facade.
    #[must_use]
    pub fn server() -> Self {
        Self::new(Side::Server)
    }

    /// For a client: `mcp.client.operation.duration`, to the `metrics` facade.
    #[must_use]
    pub fn client() -> Self {
        Self::new(Side::Client)
    }

    fn new(side: Side) -> Self {
        let settings = Settings {
            side,
            max_names: Self::DEFAULT_MAX_NAMES,
            max_series: Self::DEFAULT_MAX_SERIES,
            known: Vec::new(),
        };
        Self::build(
            Arc::new(MetricsRecorder::new()),
            SystemClock::default(),
            settings,
        )
    }

    /// How many names of tools, and how many of prompts, become labels unless
    /// [`TimingLayer::max_names`] says otherwise: 512.
    pub const DEFAULT_MAX_NAMES: NonZeroU16 = NonZeroU16::MIN.saturating_add(511);

    /// How many series there are unless [`TimingLayer::max_series`] says otherwise: 1,600. With
    /// the coarse ones it stays within the 2,000 of the OpenTelemetry SDK.
    pub const DEFAULT_MAX_SERIES: NonZeroU16 = NonZeroU16::MIN.saturating_add(1_599);
}

impl<R, C> TimingLayer<R, C> {
    /// Records to another backend; the default is [`MetricsRecorder`].
    #[must_use]
    pub fn recorder<R2: Recorder>(self, recorder: R2) -> TimingLayer<R2, C> {
        TimingLayer::build(Arc::new(recorder), self.clock, self.settings)
    }

    /// Reads the time elsewhere; the default is the operating system's monotonic clock.
    #[must_use]
    pub fn clock<C2: Clock>(self, clock: C2) -> TimingLayer<R, C2> {
        TimingLayer::build(self.recorder, clock, self.settings)
    }

    /// Names tools that are labels from the first call on. A name that cannot be a label, by its
    /// form or because there are more than [`TimingLayer::max_names`], counts as `_OTHER`.
    #[must_use]
    pub fn known_tools<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Self {
        self.known(Named::Tool, names)
    }

    /// The same for prompts.
    #[must_use]
    pub fn known_prompts<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Self {
        self.known(Named::Prompt, names)
    }

    /// How many names of tools, and how many of prompts, become labels; 512 by default. Further
    /// ones count as `_OTHER`.
    #[must_use]
    pub fn max_names(mut self, names: NonZeroU16) -> Self {
        self.settings.max_names = names;
        Self::build(self.recorder, self.clock, self.settings)
    }

    /// How many series of durations there are; 1,600 by default. What finds no room counts in a
    /// coarse series, which has the method and the kind of the end alone: at most 304 more.
    #[must_use]
    pub fn max_series(mut self, series: NonZeroU16) -> Self {
        self.settings.max_series = series;
        Self::build(self.recorder, self.clock, self.settings)
    }

    fn known<N: AsRef<str>>(mut self, named: Named, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(|name| (named, name.as_ref().into()));
        self.settings.known.extend(names);
        Self::build(self.recorder, self.clock, self.settings)
    }

    fn build(recorder: Arc<R>, clock: C, settings: Settings) -> Self {
        Self {
            series: Arc::new(Series::new(Arc::clone(&recorder), &settings)),
            recorder,
            clock,
            settings,
        }
    }
}

impl<S, R, C: Clone> Layer<S> for TimingLayer<R, C> {
    type Service = Timing<S, R, C>;

    fn layer(&self, inner: S) -> Timing<S, R, C> {
        Timing::new(inner, Arc::clone(&self.series), self.clock.clone())
    }
}

impl<R, C: Clone> Clone for TimingLayer<R, C> {
    fn clone(&self) -> Self {
        Self {
            series: Arc::clone(&self.series),
            recorder: Arc::clone(&self.recorder),
            clock: self.clock.clone(),
            settings: self.settings.clone(),
        }
    }
}

impl<R, C> fmt::Debug for TimingLayer<R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimingLayer")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
