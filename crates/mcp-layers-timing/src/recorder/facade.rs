//! Recorder for the `metrics` facade.

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Unit};

use super::{Attribute, MetricsRecorder, RecordActive, RecordCount, RecordDuration, Recorder};
use crate::metric::Metric;

impl Recorder for MetricsRecorder {
    fn duration(&self, metric: Metric, attributes: &[Attribute]) -> RecordDuration {
        let name = metric.prometheus_name();
        let histogram: Histogram = metrics::with_recorder(|recorder| {
            let unit = Some(Unit::Seconds);
            recorder.describe_histogram(name.into(), unit, metric.description().into());
            recorder.register_histogram(&key(name, attributes), &METADATA)
        });
        Box::new(move |duration| histogram.record(duration.as_secs_f64()))
    }

    fn active(&self, metric: Metric, attributes: &[Attribute]) -> RecordActive {
        let name = metric.prometheus_name();
        let gauge: Gauge = metrics::with_recorder(|recorder| {
            let unit = Some(Unit::Count);
            recorder.describe_gauge(name.into(), unit, metric.description().into());
            recorder.register_gauge(&key(name, attributes), &METADATA)
        });
        Box::new(move |change| {
            if change >= 0 {
                gauge.increment(1.0);
            } else {
                gauge.decrement(1.0);
            }
        })
    }

    fn counter(&self, metric: Metric, attributes: &[Attribute]) -> RecordCount {
        let name = metric.prometheus_name();
        let counter: Counter = metrics::with_recorder(|recorder| {
            let unit = Some(Unit::Count);
            recorder.describe_counter(name.into(), unit, metric.description().into());
            recorder.register_counter(&key(name, attributes), &METADATA)
        });
        Box::new(move || counter.increment(1))
    }
}

const METADATA: Metadata<'_> =
    Metadata::new("mcp_layers_timing", Level::INFO, Some(module_path!()));

fn key(name: &'static str, attributes: &[Attribute]) -> Key {
    let labels: Vec<_> = attributes
        .iter()
        .map(|attribute| Label::new(attribute.label(), attribute.value.clone()))
        .collect();
    Key::from_parts(name, labels)
}
