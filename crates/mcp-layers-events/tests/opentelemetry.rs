//! Counts and gauges as the SDK of OpenTelemetry gets them.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "opentelemetry")]

use std::{convert::Infallible, time::Duration};

use futures::executor::block_on;
use mcp_layers_core::{Event, JsonRpcRequest, McpError, Refusal, trail::CircuitState};
use mcp_layers_events::{EventsLayer, Gauges, OpenTelemetryRecorder};
use opentelemetry::{KeyValue, metrics::MeterProvider};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData, ResourceMetrics, ScopeMetrics},
};
use tower::{ServiceBuilder, ServiceExt};

/// Each series as text: name, attributes, value.
fn series(exporter: &InMemoryMetricExporter) -> Vec<String> {
    let shown = |name: &str, attributes: &mut dyn Iterator<Item = &KeyValue>, value: f64| {
        let mut attributes: Vec<_> = attributes
            .map(|attribute| format!("{}={}", attribute.key, attribute.value))
            .collect();
        attributes.sort();
        format!("{name} {} {value}", attributes.join(","))
    };
    let all = exporter.get_finished_metrics().unwrap();
    let metrics = all
        .iter()
        .flat_map(ResourceMetrics::scope_metrics)
        .flat_map(ScopeMetrics::metrics);
    let mut found: Vec<_> = metrics
        .flat_map(|metric| match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => sum
                .data_points()
                .map(|point| {
                    let value = u32::try_from(point.value()).unwrap().into();
                    shown(metric.name(), &mut point.attributes(), value)
                })
                .collect::<Vec<_>>(),
            AggregatedMetrics::F64(MetricData::Gauge(gauge)) => gauge
                .data_points()
                .map(|point| shown(metric.name(), &mut point.attributes(), point.value()))
                .collect(),
            other => panic!("{other:?}"),
        })
        .collect();
    found.sort();
    found
}

#[test]
fn events_and_gauges_reach_the_sdk() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let recorder = OpenTelemetryRecorder::new(provider.meter("test"));

    let layer = EventsLayer::new().recorder(recorder.clone());
    let service =
        ServiceBuilder::new()
            .layer(layer)
            .service_fn(|request: JsonRpcRequest| async move {
                let retry_after = Duration::from_secs(1);
                let rule = "per-tool".into();
                let event = Event::Limited { rule, retry_after };
                let error = McpError::rate_limited(retry_after);
                Ok::<_, Infallible>(Refusal::new().answer(&request, error, event))
            });
    for _ in 0..2 {
        let call = service
            .clone()
            .oneshot(JsonRpcRequest::new(1, "tools/call"));
        block_on(call).unwrap();
    }
    let gauges = Gauges::new().recorder(recorder).read(|gauges| {
        gauges.circuit("search", CircuitState::Open);
        gauges.set("mcp_layers.audit.degraded", 1.0);
    });
    gauges.update();

    provider.force_flush().unwrap();
    let expected = [
        "mcp_layers.audit.degraded  1",
        "mcp_layers.circuit.state circuit=search 2",
        "mcp_layers.events event=limited,rule=per-tool 2",
    ];
    assert_eq!(series(&exporter), expected);
}
