//! Recorders: the backends that counts and gauges go to.

#[cfg(feature = "metrics")]
mod facade;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;

#[cfg(feature = "opentelemetry")]
pub use self::opentelemetry::OpenTelemetryRecorder;

/// A backend for counts and gauges: [`MetricsRecorder`], `OpenTelemetryRecorder`, or your own.
///
/// It is called while requests are served, and must not block. A panic while an event is counted
/// loses the event, and fails no request.
pub trait Recorder: Send + Sync + 'static {
    /// Adds 1 to the counter of events, `mcp_layers.events`. The attributes are `event`, and the
    /// label of the event if it has one.
    fn count(&self, event: &'static str, label: Option<Label<'_>>);

    /// Sets a gauge, which is named as in OpenTelemetry: `mcp_layers.circuit.state`.
    fn gauge(&self, name: &'static str, label: Option<Label<'_>>, value: f64);
}

/// A label of a series: its name and its value.
pub type Label<'a> = (&'static str, &'a str);

/// Records to the [`metrics`](https://docs.rs/metrics) facade: the counter
/// `mcp_layers_events_total`, and gauges with `_` for every dot of their names. Without the feature
/// `metrics`, which is on by default, it records nothing.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct MetricsRecorder;

impl MetricsRecorder {
    /// Records to the recorder that the facade has at each event.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

#[cfg(not(feature = "metrics"))]
impl Recorder for MetricsRecorder {
    fn count(&self, _: &'static str, _: Option<Label<'_>>) {}

    fn gauge(&self, _: &'static str, _: Option<Label<'_>>, _: f64) {}
}
