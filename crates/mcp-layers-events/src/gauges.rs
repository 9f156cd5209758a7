//! Gauges whose values are read from handles.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use mcp_layers_core::{ConfigError, trail::CircuitState};

use crate::{
    names::{MAX_NAMES, Names},
    recorder::{MetricsRecorder, Recorder},
};

/// Gauges that are read from the handles of layers when [`Gauges::update`] is called, usually right
/// before a page of metrics is rendered.
///
/// ```
/// use mcp_layers_core::trail::CircuitState;
/// use mcp_layers_events::Gauges;
/// use metrics_exporter_prometheus::PrometheusBuilder;
///
/// # #[cfg(feature = "metrics")] {
/// let exporter = PrometheusBuilder::new().install_recorder().unwrap();
/// let gauges = Gauges::new().read(|gauges| {
///     // With real layers: `breaker.circuits()`, `audit.stats()`.
///     gauges.circuit("tools/call search", CircuitState::Open);
///     gauges.set("mcp_layers.audit.degraded", 0.0);
/// });
///
/// gauges.update();
/// let page = exporter.render();
/// assert!(page.contains(r#"mcp_layers_circuit_state{circuit="tools/call search"} 2"#));
/// assert!(page.contains("mcp_layers_audit_degraded 0"));
/// # }
/// ```
///
/// # Rules
///
/// 1. A gauge has at most one label. Of each label, the first 128 values are shown
///    ([`Gauges::max_names`]); further ones share `_OTHER`, which has the largest of their values.
/// 2. A series that an update does not set any more becomes 0: a circuit that was forgotten.
pub struct Gauges {
    recorder: Box<dyn Recorder>,
    max_names: usize,
    names: Names,
    reads: Vec<Box<Read>>,
    /// The series that the last update set.
    series: Mutex<HashMap<Series, f64>>,
}

type Read = dyn Fn(&mut GaugeWriter<'_>) + Send + Sync;

/// The name of a gauge, and its label.
type Series = (&'static str, Option<(&'static str, Box<str>)>);

impl Gauges {
    /// Sets gauges of the `metrics` facade.
    #[must_use]
    pub fn new() -> Self {
        Self {
            recorder: Box::new(MetricsRecorder::new()),
            max_names: MAX_NAMES,
            names: Names::default(),
            reads: Vec::new(),
            series: Mutex::default(),
        }
    }

    /// Sets the gauges of another backend. The default is [`MetricsRecorder`].
    #[must_use]
    pub fn recorder(mut self, recorder: impl Recorder) -> Self {
        self.recorder = Box::new(recorder);
        self
    }

    /// Sets the most values of each label. The default is 128.
    ///
    /// # Errors
    /// If `names` is zero.
    pub fn max_names(mut self, names: usize) -> Result<Self, ConfigError> {
        if names == 0 {
            return Err(ConfigError::new("max_names must be at least 1"));
        }
        self.max_names = names;
        Ok(self)
    }

    /// Adds a closure that reads handles and sets gauges. Each update calls it once, and waits for it.
    #[must_use]
    pub fn read(mut self, read: impl Fn(&mut GaugeWriter<'_>) + Send + Sync + 'static) -> Self {
        self.reads.push(Box::new(read));
        self
    }

    /// Reads all handles and sets all gauges. Updates run one after the other.
    pub fn update(&self) {
        let mut last = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = GaugeWriter {
            gauges: self,
            series: last.keys().map(|series| (series.clone(), None)).collect(),
        };
        for read in &self.reads {
            read(&mut writer);
        }
        let values = writer.series.into_iter();
        *last = values
            .map(|(series, value)| (series, value.unwrap_or(0.0)))
            .collect();
        for ((name, label), value) in &*last {
            let label = label.as_ref().map(|(key, value)| (*key, &**value));
            self.recorder.gauge(name, label, *value);
        }
    }
}

impl Default for Gauges {
    fn default() -> Self {
        Self::new()
    }
}

mcp_layers_core::opaque_debug!(Gauges);

/// Sets gauges in a closure of [`Gauges::read`].
pub struct GaugeWriter<'a> {
    gauges: &'a Gauges,
    series: HashMap<Series, Option<f64>>,
}

impl GaugeWriter<'_> {
    /// Sets a gauge without a label. Its name is that of OpenTelemetry, with dots.
    pub fn set(&mut self, name: &'static str, value: f64) {
        self.put((name, None), value);
    }

    /// Sets a gauge with one label: its name and its value.
    pub fn set_labeled(&mut self, name: &'static str, label: (&'static str, &str), value: f64) {
        let (key, shown) = label;
        let Gauges {
            names, max_names, ..
        } = self.gauges;
        let shown = names.bounded(key, shown, *max_names);
        self.put((name, Some((key, shown.into()))), value);
    }

    /// Sets the gauge `mcp_layers.circuit.state` of a circuit: 0 closed, 1 half open, 2 open.
    pub fn circuit(&mut self, circuit: &str, state: CircuitState) {
        let value = match state {
            CircuitState::Open => 2.0,
            CircuitState::HalfOpen => 1.0,
            _ => 0.0,
        };
        self.set_labeled("mcp_layers.circuit.state", ("circuit", circuit), value);
    }

    fn put(&mut self, series: Series, value: f64) {
        let have = self.series.entry(series).or_default();
        *have = Some(have.map_or(value, |have| have.max(value)));
    }
}

impl fmt::Debug for GaugeWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GaugeWriter").finish_non_exhaustive()
    }
}
