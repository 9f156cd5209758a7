//! Where the timing layer records to: the exporter that servers use.

use std::sync::OnceLock;

use mcp_layers_timing::{Metric, TimingLayer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// How many calls there are between two times that the exporter tidies up. It keeps every
/// measurement until then.
const CALLS_BETWEEN: u32 = 10_000;

/// The exporter of this process, with the buckets of the conventions.
pub(crate) fn exporter() -> &'static PrometheusHandle {
    static EXPORTER: OnceLock<PrometheusHandle> = OnceLock::new();
    EXPORTER.get_or_init(|| {
        let mut builder = PrometheusBuilder::new();
        for metric in Metric::ALL
            .iter()
            .filter(|metric| !metric.buckets().is_empty())
        {
            let name = Matcher::Full(metric.prometheus_name().to_owned());
            builder = builder
                .set_buckets_for_metric(name, metric.buckets())
                .unwrap();
        }
        builder.install_recorder().unwrap()
    })
}

/// The timing layer of a server.
pub(crate) fn timing() -> TimingLayer {
    TimingLayer::server()
}

/// Lets the exporter tidy up, once in many calls. A server has a task for it.
pub(crate) fn upkeep() -> impl FnMut() {
    let exporter = exporter();
    let mut calls = 0;
    move || {
        calls += 1;
        if calls % CALLS_BETWEEN == 0 {
            exporter.run_upkeep();
        }
    }
}
