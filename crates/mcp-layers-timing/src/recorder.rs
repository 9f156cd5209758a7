//! Recorders: the backends that measurements go to.

use std::time::Duration;

use crate::metric::Metric;

#[cfg(feature = "metrics")]
mod facade;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;

#[cfg(feature = "opentelemetry")]
pub use self::opentelemetry::OpenTelemetryRecorder;

/// A backend for measurements: [`MetricsRecorder`], `OpenTelemetryRecorder`, or your own.
///
/// A layer asks once for each series, and keeps the returned closure for as long as it lives. The
/// closure is called while requests are served: it must not block. A panic in it loses one
/// measurement and fails no request.
///
/// ```
/// use mcp_layers_timing::{Attribute, Metric, RecordActive, RecordDuration, Recorder};
///
/// /// Prints every measurement.
/// struct Print;
///
/// impl Recorder for Print {
///     fn duration(&self, metric: Metric, attributes: &[Attribute]) -> RecordDuration {
///         let series = format!("{} {attributes:?}", metric.name());
///         Box::new(move |duration| println!("{series} took {duration:?}"))
///     }
///
///     fn active(&self, metric: Metric, _: &[Attribute]) -> RecordActive {
///         Box::new(move |change| println!("{} {change:+}", metric.name()))
///     }
/// }
/// ```
pub trait Recorder: Send + Sync + 'static {
    /// The series of a histogram with these attributes. Its unit is the second.
    fn duration(&self, metric: Metric, attributes: &[Attribute]) -> RecordDuration;

    /// The series of a gauge with these attributes.
    fn active(&self, metric: Metric, attributes: &[Attribute]) -> RecordActive;

    /// The series of a counter with these attributes. The default counts nothing.
    fn counter(&self, metric: Metric, attributes: &[Attribute]) -> RecordCount {
        let _ = (metric, attributes);
        Box::new(|| {})
    }
}

/// One series of a histogram. Adds a measurement.
pub type RecordDuration = Box<dyn Fn(Duration) + Send + Sync>;

/// One series of a gauge. Adds 1 or -1.
pub type RecordActive = Box<dyn Fn(i64) + Send + Sync>;

/// One series of a counter. Adds 1.
pub type RecordCount = Box<dyn Fn() + Send + Sync>;

/// An attribute of a series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Attribute {
    /// The name in OpenTelemetry, such as `mcp.method.name`.
    pub name: &'static str,
    /// The value.
    pub value: String,
}

impl Attribute {
    pub(crate) fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name,
            value: value.into(),
        }
    }

    /// The name as a Prometheus label: `_` for every dot.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.replace('.', "_")
    }
}

/// Records to the [`metrics`](https://docs.rs/metrics) facade, under the names and labels of
/// Prometheus. Without the feature `metrics`, which is on by default, it records nothing.
///
/// Metrics are named by [`Metric::prometheus_name`], labels by [`Attribute::label`]. With
/// `metrics-exporter-prometheus` the names come out as they are, whether or not the exporter is
/// asked for unit suffixes:
///
/// ```
/// use mcp_layers_timing::Metric;
/// use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};
///
/// fn exporter() -> Result<PrometheusBuilder, BuildError> {
///     let mut builder = PrometheusBuilder::new();
///     for metric in Metric::ALL.iter().filter(|metric| !metric.buckets().is_empty()) {
///         let name = Matcher::Full(metric.prometheus_name().to_owned());
///         builder = builder.set_buckets_for_metric(name, metric.buckets())?;
///     }
///     Ok(builder)
/// }
/// # assert!(exporter().is_ok());
/// ```
///
/// 1. Install the exporter before the first request: a series that was first seen without one is
///    never recorded.
/// 2. Set the buckets, as above: without them the exporter renders summaries.
/// 3. Set no idle timeout on these metrics: the exporter would forget a series that this layer
///    still records to.
/// 4. Where no listener of the exporter runs, render the page or run its upkeep periodically: it
///    keeps every single measurement until then.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct MetricsRecorder;

impl MetricsRecorder {
    /// Records to the recorder that the facade has when a series is first seen.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

#[cfg(not(feature = "metrics"))]
impl Recorder for MetricsRecorder {
    fn duration(&self, _: Metric, _: &[Attribute]) -> RecordDuration {
        Box::new(|_| {})
    }

    fn active(&self, _: Metric, _: &[Attribute]) -> RecordActive {
        Box::new(|_| {})
    }
}
