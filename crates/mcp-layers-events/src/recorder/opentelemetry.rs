//! Recorder for the metrics API of OpenTelemetry.

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter},
};

use super::{Label, Recorder};

/// Records to the metrics API of OpenTelemetry: the counter `mcp_layers.events` and gauges. Needs
/// the feature `opentelemetry`.
///
/// ```
/// use mcp_layers_events::{EventsLayer, OpenTelemetryRecorder};
/// use opentelemetry::metrics::MeterProvider;
/// use opentelemetry_sdk::metrics::SdkMeterProvider;
///
/// let provider = SdkMeterProvider::builder().build();
/// let recorder = OpenTelemetryRecorder::new(provider.meter("my-server"));
/// let layer = EventsLayer::new().recorder(recorder);
/// ```
#[derive(Clone)]
pub struct OpenTelemetryRecorder {
    meter: Meter,
    events: Counter<u64>,
}

impl OpenTelemetryRecorder {
    /// Records through the instruments of `meter`.
    #[must_use]
    pub fn new(meter: Meter) -> Self {
        let events = meter
            .u64_counter("mcp_layers.events")
            .with_unit("{event}")
            .with_description("Number of decisions of MCP layers.")
            .build();
        Self { meter, events }
    }
}

impl Recorder for OpenTelemetryRecorder {
    fn count(&self, event: &'static str, label: Option<Label<'_>>) {
        let event = KeyValue::new("event", event);
        let attributes: Vec<_> = std::iter::once(event).chain(owned(label)).collect();
        self.events.add(1, &attributes);
    }

    // An SDK gives equal instruments the same state (OpenTelemetry specification, metrics SDK,
    // "Duplicate instrument registration").
    fn gauge(&self, name: &'static str, label: Option<Label<'_>>, value: f64) {
        let attributes: Vec<_> = owned(label).into_iter().collect();
        self.meter
            .f64_gauge(name)
            .build()
            .record(value, &attributes);
    }
}

fn owned(label: Option<Label<'_>>) -> Option<KeyValue> {
    label.map(|(key, value)| KeyValue::new(key, value.to_owned()))
}

mcp_layers_core::opaque_debug!(OpenTelemetryRecorder);
