//! The pages for Prometheus and the orchestrator, at an address that the public does not reach.

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    routing::get,
};
use mcp_layers::{BoxError, drain::DrainHandle, events::Gauges, timing::Metric};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use std::{sync::Arc, time::Duration};

/// The media type of Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The interval at which the exporter sorts its measurements into buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// `/metrics`, `/livez`, and `/readyz`, which is 503 from the beginning of a drain on.
pub(crate) fn pages(gauges: Gauges, drain: DrainHandle) -> Result<Router, BoxError> {
    let mut builder = PrometheusBuilder::new();
    for metric in Metric::ALL {
        if !metric.buckets().is_empty() {
            let name = Matcher::Full(metric.prometheus_name().to_owned());
            builder = builder.set_buckets_for_metric(name, metric.buckets())?;
        }
    }
    let metrics = builder.install_recorder()?;

    let upkeep = metrics.clone();
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(UPKEEP);
        loop {
            interval.tick().await;
            upkeep.run_upkeep();
        }
    });

    let gauges = Arc::new(gauges);
    let render = move || async move {
        gauges.update();
        ([(CONTENT_TYPE, TEXT)], metrics.render())
    };
    let ready = move || async move {
        if drain.is_ready() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    Ok(Router::new()
        .route("/metrics", get(render))
        .route("/livez", get(StatusCode::OK))
        .route("/readyz", get(ready)))
}
