//! Recorder for the `metrics` facade.

use super::{Label, MetricsRecorder, Recorder};

impl Recorder for MetricsRecorder {
    fn count(&self, event: &'static str, label: Option<Label<'_>>) {
        let event = metrics::Label::from_static_parts("event", event);
        let labels: Vec<_> = std::iter::once(event).chain(owned(label)).collect();
        metrics::counter!("mcp_layers_events_total", labels).increment(1);
    }

    fn gauge(&self, name: &'static str, label: Option<Label<'_>>, value: f64) {
        let labels: Vec<_> = owned(label).into_iter().collect();
        metrics::gauge!(name.replace('.', "_"), labels).set(value);
    }
}

fn owned(label: Option<Label<'_>>) -> Option<metrics::Label> {
    label.map(|(key, value)| metrics::Label::new(key, value.to_owned()))
}
