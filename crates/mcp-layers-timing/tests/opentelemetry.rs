//! Measurements as the SDK of OpenTelemetry gets them.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "opentelemetry")]

mod common;

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use common::{call, exchange, respond};
use futures::executor::block_on;
use mcp_layers_core::{Clock, JsonRpcRequest, request::Transport};
use mcp_layers_timing::{
    BUCKETS, Metric, OpenTelemetryRecorder, SUBSCRIPTION_BUCKETS, TimingLayer,
};
use opentelemetry::{KeyValue, metrics::MeterProvider};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{
        InMemoryMetricExporter, PeriodicReader, SdkMeterProvider, Temporality,
        data::{
            AggregatedMetrics, HistogramDataPoint, MetricData, ResourceMetrics, ScopeMetrics,
            SumDataPoint,
        },
        exporter::PushMetricExporter,
    },
};
use serde_json::json;
use tower::{Layer, Service, ServiceExt, service_fn};

struct Sdk {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

impl Sdk {
    fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        Self { provider, exporter }
    }

    fn recorder(&self) -> OpenTelemetryRecorder {
        OpenTelemetryRecorder::new(self.provider.meter("test"))
    }

    /// Shows what was measured of one metric.
    fn read<T>(
        &self,
        metric: Metric,
        read: impl Fn(&opentelemetry_sdk::metrics::data::Metric) -> T,
    ) -> T {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let all = self.exporter.get_finished_metrics().unwrap();
        let mut found = all
            .iter()
            .flat_map(ResourceMetrics::scope_metrics)
            .flat_map(ScopeMetrics::metrics)
            .filter(|have| have.name() == metric.name());
        let one = found.next().unwrap();
        assert!(found.next().is_none());
        read(one)
    }
}

fn points(metric: &opentelemetry_sdk::metrics::data::Metric) -> Vec<&HistogramDataPoint<f64>> {
    match metric.data() {
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
            histogram.data_points().collect()
        }
        other => panic!("{other:?}"),
    }
}

fn text<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> BTreeMap<String, String> {
    attributes
        .map(|pair| (pair.key.to_string(), pair.value.to_string()))
        .collect()
}

#[test]
fn a_call_is_one_measurement_with_the_conventions_names_unit_and_boundaries() {
    let sdk = Sdk::new();
    let clock = Clock::manual();
    let layer = TimingLayer::server()
        .recorder(sdk.recorder())
        .with_clock(clock.clone());
    let service = layer.layer(service_fn(move |request: JsonRpcRequest| {
        clock.advance(Duration::from_millis(1_500));
        std::future::ready(Ok::<_, Infallible>(respond(&request, Err(-32602))))
    }));
    let request = call("echo")
        .with_protocol_version("2025-11-25")
        .with_transport(Transport::Pipe);
    block_on(service.oneshot(request)).unwrap();
    sdk.read(Metric::ServerOperationDuration, |metric| {
        assert_eq!(metric.unit(), "s");
        assert!(!metric.description().is_empty());
        let points = points(metric);
        assert_eq!(points.len(), 1);
        assert_eq!(points[0].bounds().collect::<Vec<_>>(), BUCKETS);
        assert_eq!(points[0].count(), 1);
        assert!((points[0].sum() - 1.5).abs() < 1e-9);
        let expected = [
            ("gen_ai.operation.name", "execute_tool"),
            ("gen_ai.tool.name", "_OTHER"),
            ("mcp.method.name", "tools/call"),
            ("mcp.protocol.version", "2025-11-25"),
            ("network.transport", "pipe"),
            ("rpc.response.status_code", "-32602"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(text(points[0].attributes()), BTreeMap::from(expected));
    });
}

#[test]
fn series_of_one_metric_are_one_instrument() {
    let sdk = Sdk::new();
    let layer = TimingLayer::client().recorder(sdk.recorder());
    for method in ["ping", "tools/list", "prompts/list"] {
        for _ in 0..3 {
            exchange(&layer, JsonRpcRequest::new(1, method), Ok(json!({})));
        }
    }
    sdk.read(Metric::ClientOperationDuration, |metric| {
        let points = points(metric);
        assert_eq!(points.len(), 3);
        assert!(points.iter().all(|point| point.count() == 3));
    });
}

#[test]
fn a_subscription_is_not_among_the_operations() {
    let sdk = Sdk::new();
    let layer = TimingLayer::server().recorder(sdk.recorder());
    exchange(&layer, JsonRpcRequest::new(1, "ping"), Ok(json!({})));
    exchange(
        &layer,
        JsonRpcRequest::new(1, "subscriptions/listen"),
        Ok(json!({})),
    );
    sdk.read(Metric::ServerSubscriptionDuration, |metric| {
        let points = points(metric);
        assert_eq!(points.len(), 1);
        assert_eq!(points[0].bounds().collect::<Vec<_>>(), SUBSCRIPTION_BUCKETS);
    });
    sdk.read(Metric::ServerOperationDuration, |metric| {
        assert_eq!(points(metric).len(), 1);
    });
}

#[test]
fn requests_in_flight_are_counted_in_and_out() {
    let sdk = Sdk::new();
    let layer = TimingLayer::server().recorder(sdk.recorder());
    let in_flight = || {
        sdk.read(Metric::ServerActiveRequests, |metric| {
            assert_eq!(metric.unit(), "{request}");
            match metric.data() {
                AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                    assert!(!sum.is_monotonic());
                    sum.data_points().map(SumDataPoint::value).sum::<i64>()
                }
                other => panic!("{other:?}"),
            }
        })
    };
    let running = layer.layer(common::pending()).call(call("echo"));
    assert_eq!(in_flight(), 1);
    drop(running);
    assert_eq!(in_flight(), 0);
}

/// An exporter whose every export fails.
#[derive(Debug)]
struct Down;

impl PushMetricExporter for Down {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        Err(opentelemetry_sdk::error::OTelSdkError::InternalFailure(
            "down".to_owned(),
        ))
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

#[test]
fn calls_are_answered_while_the_exporter_is_down() {
    let reader = PeriodicReader::builder(Down).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let layer = TimingLayer::server().recorder(OpenTelemetryRecorder::new(provider.meter("test")));
    exchange(&layer, call("echo"), Ok(json!({})));
    assert!(provider.force_flush().is_err());
    exchange(&layer, call("echo"), Ok(json!({})));
}
