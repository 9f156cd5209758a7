//! Recorder for the metrics API of OpenTelemetry.

use opentelemetry::{KeyValue, metrics::Meter};

use super::{Attribute, RecordActive, RecordCount, RecordDuration, Recorder};
use crate::metric::Metric;

/// Records to the metrics API of OpenTelemetry, under the names of the semantic conventions, with
/// the unit and the bucket boundaries of each metric. Needs the feature `opentelemetry`.
///
/// The attributes of a series are built once. The SDK looks them up at every measurement, and has
/// a bound of its own: 2,000 series of a metric by default.
///
/// ```
/// use mcp_layers_timing::{OpenTelemetryRecorder, TimingLayer};
/// use opentelemetry::metrics::MeterProvider;
/// use opentelemetry_sdk::metrics::SdkMeterProvider;
///
/// let provider = SdkMeterProvider::builder().build();
/// let recorder = OpenTelemetryRecorder::new(provider.meter("my-server"));
/// let layer = TimingLayer::server().recorder(recorder);
/// ```
#[derive(Clone)]
pub struct OpenTelemetryRecorder {
    meter: Meter,
}

impl OpenTelemetryRecorder {
    /// Records through the instruments of `meter`.
    #[must_use]
    pub fn new(meter: Meter) -> Self {
        Self { meter }
    }
}

// An SDK gives equal instruments the same state, so that no instrument is kept here (OpenTelemetry
// specification, metrics SDK, "Duplicate instrument registration").
impl Recorder for OpenTelemetryRecorder {
    fn duration(&self, metric: Metric, attributes: &[Attribute]) -> RecordDuration {
        let attributes = key_values(attributes);
        let histogram = self
            .meter
            .f64_histogram(metric.name())
            .with_unit(metric.unit())
            .with_description(metric.description())
            .with_boundaries(metric.buckets().to_vec())
            .build();
        Box::new(move |duration| histogram.record(duration.as_secs_f64(), &attributes))
    }

    fn active(&self, metric: Metric, attributes: &[Attribute]) -> RecordActive {
        let attributes = key_values(attributes);
        let counter = self
            .meter
            .i64_up_down_counter(metric.name())
            .with_unit(metric.unit())
            .with_description(metric.description())
            .build();
        Box::new(move |change| counter.add(change, &attributes))
    }

    fn counter(&self, metric: Metric, attributes: &[Attribute]) -> RecordCount {
        let attributes = key_values(attributes);
        let counter = self
            .meter
            .u64_counter(metric.name())
            .with_unit(metric.unit())
            .with_description(metric.description())
            .build();
        Box::new(move || counter.add(1, &attributes))
    }
}

fn key_values(attributes: &[Attribute]) -> Box<[KeyValue]> {
    attributes
        .iter()
        .map(|attribute| KeyValue::new(attribute.name, attribute.value.clone()))
        .collect()
}

mcp_layers_core::opaque_debug!(OpenTelemetryRecorder);
