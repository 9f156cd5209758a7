//! The pages for Prometheus and the orchestrator, at an address that the public does not reach.

use crate::stack::SharedLimit;
use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    routing::get,
};
use mcp_layers::{
    BoxError,
    audit::AuditLayer,
    cache::CacheLayer,
    circuit_breaker::CircuitBreakerLayer,
    config::{ConfigHandle, Layers},
    drain::DrainHandle,
    events::Gauges,
    timing::Metric,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use std::{sync::Arc, time::Duration};

/// The media type of Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The interval at which the exporter sorts its measurements into buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Gauges of the handles of the layers, and of the settings.
pub(crate) fn gauges(
    layers: &Layers,
    shared: Option<&SharedLimit>,
    config: &ConfigHandle,
) -> Gauges {
    let mut gauges = config.gauges(Gauges::new());
    if let Some(audit) = layers.audit.as_ref().map(AuditLayer::handle) {
        gauges = gauges.read(move |gauges| {
            let stats = audit.stats();
            gauges.set("mcp_layers.audit.degraded", number(stats.degraded));
            gauges.set("mcp_layers.audit.dropped", stats.dropped as f64);
        });
    }
    if let Some(breaker) = layers
        .circuit_breaker
        .as_ref()
        .map(CircuitBreakerLayer::handle)
    {
        gauges = gauges.read(move |gauges| {
            for status in breaker.circuits() {
                gauges.circuit(&status.circuit, status.state);
            }
        });
    }
    if let Some(cache) = layers.cache.as_ref().map(CacheLayer::handle) {
        gauges = gauges.read(move |gauges| {
            gauges.set("mcp_layers.cache.entries", cache.stats().entries as f64);
        });
    }
    if let Some(limit) = shared.map(SharedLimit::handle) {
        gauges = gauges.read(move |gauges| {
            let unavailable = number(limit.stats().store.is_unavailable);
            gauges.set("mcp_layers.rate_limit.store_unavailable", unavailable);
        });
    }
    gauges
}

fn number(flag: bool) -> f64 {
    f64::from(u8::from(flag))
}

/// `/metrics`, `/livez`, and `/readyz`, which is 503 from the beginning of a drain on.
pub(crate) fn router(gauges: Gauges, drain: DrainHandle) -> Result<Router, BoxError> {
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
