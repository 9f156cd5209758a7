//! Where the measurements go.

use std::time::Duration;

use crate::Metric;

#[cfg(feature = "metrics")]
mod facade;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;

#[cfg(feature = "opentelemetry")]
pub use self::opentelemetry::OpenTelemetryRecorder;

/// Takes the measurements: [`MetricsRecorder`], `OpenTelemetryRecorder`, or one of your own.
///
/// The layer asks once for each series, and keeps what it gets for as long as it lives. What it
/// gets is called in the middle of requests: it must not block. A panic in it is contained and
/// loses one measurement.
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not record measurements",
    label = "not a `mcp_layers_timing::Recorder`",
    note = "`MetricsRecorder` is one only with the feature `metrics` of `mcp-layers-timing`"
)]
pub trait Recorder: Send + Sync + 'static {
    /// The series of a histogram with these attributes. Its unit is the second.
    fn duration(&self, metric: Metric, attributes: &[Attribute]) -> RecordDuration;

    /// The series of a gauge with these attributes.
    fn active(&self, metric: Metric, attributes: &[Attribute]) -> RecordActive;
}

/// One series of a histogram: adds a measurement.
pub type RecordDuration = Box<dyn Fn(Duration) + Send + Sync>;

/// One series of a gauge: adds 1 or takes 1 away.
pub type RecordActive = Box<dyn Fn(i64) + Send + Sync>;

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
/// Prometheus. A [`Recorder`] with the feature `metrics`, which is a default one.
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
/// 4. Where no listener of the exporter runs, render the page or run its upkeep now and then: it
///    keeps every single measurement until one of the two.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct MetricsRecorder;

impl MetricsRecorder {
    /// A recorder to whatever the facade's recorder is when a series is first seen.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}
