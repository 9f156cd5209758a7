//! The pages that Prometheus and a load balancer read.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    routing::get,
};
use mcp_layers::{events::Gauges, timing::Metric};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

use crate::shared::drain;

/// The media type of Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The interval at which the exporter sorts its measurements into buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// The tools that `--with auth` hides. The page is open to every reader of metrics.
const HIDDEN: &str = "gen_ai_tool_name=\"admin_";

fn without_hidden(page: &str) -> String {
    let lines = page.lines().filter(|line| !line.contains(HIDDEN));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Records the metrics of this process from now on, and shows them at `/metrics`.
pub(crate) fn page(gauges: Gauges) -> Result<Router, BuildError> {
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
    let render = || async move {
        gauges.update();
        ([(CONTENT_TYPE, TEXT)], without_hidden(&metrics.render()))
    };
    let ready = || async {
        if drain::is_ready() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let pages = Router::new().route("/metrics", get(render));
    Ok(pages
        .route("/livez", get(|| async {}))
        .route("/readyz", get(ready)))
}
