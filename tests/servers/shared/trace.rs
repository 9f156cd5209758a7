//! Traces and metrics, exported by OTLP over HTTP.
//!
//! `OTEL_EXPORTER_OTLP_ENDPOINT` is where they go; without it nothing is exported.
//! `OTEL_SERVICE_NAME` is the name of the service.

use std::{env, error::Error, sync::OnceLock};

use mcp_layers::{
    timing::{OpenTelemetryRecorder, TimingLayer},
    trace::TraceLayer,
};
use opentelemetry::{metrics::MeterProvider, trace::TracerProvider};
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{metrics::SdkMeterProvider, trace::SdkTracerProvider};

use super::{
    layers::{PutAround, put},
    settings::Settings,
};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const SCOPE: &str = "mcp-layers-everything";

/// The providers, to be shut down once.
static PROVIDERS: OnceLock<(SdkTracerProvider, SdkMeterProvider)> = OnceLock::new();

/// Makes the layer, with the durations of the same calls inside it.
///
/// # Errors
/// The exporter cannot be made.
pub(crate) fn make(_: &Settings) -> Result<PutAround, Box<dyn Error>> {
    if env::var_os(ENDPOINT).is_none() {
        return put(TraceLayer::server());
    }
    let spans = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .build()?;
    let tracers = SdkTracerProvider::builder()
        .with_batch_exporter(spans)
        .build();
    let metrics = MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .build()?;
    let meters = SdkMeterProvider::builder()
        .with_periodic_exporter(metrics)
        .build();
    let trace = TraceLayer::server().tracer(tracers.tracer(SCOPE));
    let timing = TimingLayer::server().recorder(OpenTelemetryRecorder::new(meters.meter(SCOPE)));
    let _ = PROVIDERS.set((tracers, meters));
    let (trace, timing) = (put(trace)?, put(timing)?);
    Ok(Box::new(move |inner| trace(timing(inner))))
}

/// Exports what is left.
pub(crate) fn close() {
    if let Some((tracers, meters)) = PROVIDERS.get() {
        for ended in [tracers.shutdown(), meters.shutdown()] {
            if let Err(error) = ended {
                tracing::warn!(%error, "not everything was exported");
            }
        }
    }
}
