//! A receiver of OTLP over HTTP with protobuf, for tests: shows each span and each metric as a line of
//! JSON.
//!
//! ```text
//! cargo run --example otlp
//! ```
//!
//! Its first line is `listening on http://ADDR`.

use std::net::Ipv4Addr;

use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value as Any},
    metrics::v1::{Metric, metric::Data},
    resource::v1::Resource,
    trace::v1::Span,
};
use prost::Message;
use serde_json::{Map, Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let router = Router::new()
        .route("/v1/traces", post(traces))
        .route("/v1/metrics", post(metrics));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router).await
}

async fn traces(body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    for resource in request.resource_spans {
        let source = Source::of(resource.resource);
        for span in resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            println!("{}", show_span(&source, span));
        }
    }
    StatusCode::OK
}

async fn metrics(body: Bytes) -> StatusCode {
    let Ok(request) = ExportMetricsServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    for resource in request.resource_metrics {
        let source = Source::of(resource.resource);
        for metric in resource
            .scope_metrics
            .into_iter()
            .flat_map(|scope| scope.metrics)
        {
            show_metric(&source, metric);
        }
    }
    StatusCode::OK
}

/// The service that sent something.
struct Source {
    name: Value,
    environment: Value,
}

impl Source {
    fn of(resource: Option<Resource>) -> Self {
        let attributes = resource
            .map(|resource| resource.attributes)
            .unwrap_or_default();
        let mut attributes = attributes_of(attributes);
        let mut take = |name| attributes.remove(name).unwrap_or_default();
        Self {
            name: take("service.name"),
            environment: take("deployment.environment.name"),
        }
    }
}

fn show_span(source: &Source, span: Span) -> Value {
    let links = span.links.iter().map(|link| hex(&link.span_id));
    let status = span.status.unwrap_or_default();
    json!({
        "service": source.name,
        "environment": source.environment,
        "span": span.name,
        // 2 is SERVER, 3 is CLIENT.
        "kind": span.kind,
        "trace_id": hex(&span.trace_id),
        "span_id": hex(&span.span_id),
        "parent_id": hex(&span.parent_span_id),
        "links": links.collect::<Vec<_>>(),
        "attributes": attributes_of(span.attributes),
        "events": span.events.len(),
        // 0 is UNSET, 2 is ERROR.
        "status": status.code,
        "message": status.message,
    })
}

/// Shows the data points of histograms; other metrics by their names alone.
fn show_metric(source: &Source, metric: Metric) {
    let points = match metric.data {
        Some(Data::Histogram(histogram)) => histogram.data_points,
        _ => Vec::new(),
    };
    for point in points {
        let line = json!({
            "service": source.name,
            "environment": source.environment,
            "metric": metric.name,
            "unit": metric.unit,
            "count": point.count,
            "attributes": attributes_of(point.attributes),
        });
        println!("{line}");
    }
}

fn attributes_of(attributes: Vec<KeyValue>) -> Map<String, Value> {
    let pairs = attributes.into_iter().map(|pair| {
        let value = match pair.value.and_then(|value| value.value) {
            Some(Any::StringValue(text)) => text.into(),
            Some(Any::IntValue(number)) => number.into(),
            Some(Any::BoolValue(truth)) => truth.into(),
            other => format!("{other:?}").into(),
        };
        (pair.key, value)
    });
    pairs.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
