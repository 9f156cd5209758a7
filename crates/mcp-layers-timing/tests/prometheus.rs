//! The page of a real exporter, read by an independent parser.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use common::{call, exchange, respond};
use futures::executor::block_on;
use mcp_layers_core::{Clock, JsonRpcRequest, request::Transport};
use mcp_layers_timing::{BUCKETS, Metric, SUBSCRIPTION_BUCKETS, TimingLayer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use prometheus_parse::{Sample, Scrape, Value};
use serde_json::json;
use tower::{Layer, Service, ServiceExt, service_fn};

fn exporter() -> PrometheusBuilder {
    let mut builder = PrometheusBuilder::new();
    for metric in Metric::ALL {
        if !metric.buckets().is_empty() {
            let name = Matcher::Full(metric.prometheus_name().to_owned());
            builder = builder
                .set_buckets_for_metric(name, metric.buckets())
                .unwrap();
        }
    }
    builder
}

/// Four calls of one tool that take 5 ms, 20 ms, 3 s and 10 minutes, a failed one, a prompt, a
/// subscription, and one call that is not done.
fn traffic(layer: &TimingLayer, recorder: &PrometheusRecorder) -> Scrape {
    let clock = Clock::manual();
    let text = metrics::with_local_recorder(recorder, || {
        let layer = layer.clone().with_clock(clock.clone());
        let send = |request: JsonRpcRequest, took: u64, answer: Result<_, i32>| {
            let clock = clock.clone();
            let service = layer.layer(service_fn(move |request: JsonRpcRequest| {
                clock.advance(Duration::from_millis(took));
                std::future::ready(Ok::<_, Infallible>(respond(&request, answer.clone())))
            }));
            block_on(service.oneshot(request)).unwrap();
        };
        let echo = || {
            call("echo")
                .with_protocol_version("2026-07-28")
                .with_transport(Transport::Tcp)
        };
        for took in [5, 20, 3_000, 600_000] {
            send(echo(), took, Ok(json!({})));
        }
        send(echo(), 1, Err(-32603));
        let prompt = JsonRpcRequest::new(1, "prompts/get").with_params(json!({ "name": "greet" }));
        send(prompt, 1, Ok(json!({})));
        let listen = JsonRpcRequest::new(1, "subscriptions/listen");
        send(listen, 7_200_000, Ok(json!({})));
        let running = layer.layer(common::pending()).call(echo());
        let text = recorder.handle().render();
        drop(running);
        text
    });
    Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap()
}

fn labels(sample: &Sample) -> BTreeMap<&str, &str> {
    let pairs = sample.labels.iter();
    pairs.map(|(key, value)| (&**key, &**value)).collect()
}

#[track_caller]
fn find<'a>(scrape: &'a Scrape, metric: &str, having: &[(&str, &str)]) -> &'a Sample {
    let mut found = scrape.samples.iter().filter(|sample| {
        let labels = labels(sample);
        let has = |(key, value): &(&str, &str)| labels.get(key) == Some(value);
        sample.metric == metric && having.iter().all(has)
    });
    let sample = found.next();
    assert!(found.next().is_none(), "{metric} {having:?} twice");
    sample.unwrap_or_else(|| panic!("no {metric} {having:?}: {:#?}", scrape.samples))
}

fn histogram(sample: &Sample) -> Vec<(f64, f64)> {
    match &sample.value {
        Value::Histogram(counts) => counts.iter().map(|b| (b.less_than, b.count)).collect(),
        other => panic!("{other:?}"),
    }
}

/// The counts of a histogram, after its boundaries were seen to be these.
#[track_caller]
fn counts(sample: &Sample, boundaries: &[f64]) -> Vec<f64> {
    let buckets = histogram(sample);
    let (le, counts): (Vec<_>, Vec<_>) = buckets.into_iter().unzip();
    assert_eq!(le, [boundaries, &[f64::INFINITY]].concat());
    counts
}

const DURATION: &str = "mcp_server_operation_duration_seconds";

#[test]
fn a_histogram_has_the_conventions_buckets_and_every_call() {
    let recorder = exporter().build_recorder();
    let scrape = traffic(&TimingLayer::server(), &recorder);
    let success = scrape
        .samples
        .iter()
        .filter(|sample| sample.metric == DURATION)
        .find(|sample| {
            let labels = labels(sample);
            labels.get("gen_ai_tool_name") == Some(&"echo") && !labels.contains_key("error_type")
        })
        .unwrap();
    let expected = [
        1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 4.0,
    ];
    assert_eq!(counts(success, &BUCKETS), expected);
    let labels = labels(success);
    let expected = [
        ("gen_ai_operation_name", "execute_tool"),
        ("gen_ai_tool_name", "echo"),
        ("mcp_method_name", "tools/call"),
        ("mcp_protocol_version", "2026-07-28"),
        ("network_transport", "tcp"),
    ];
    assert_eq!(labels, BTreeMap::from(expected));
    let of_success = |name: &str| {
        let mut samples = scrape
            .samples
            .iter()
            .filter(|sample| sample.metric == name && sample.labels == success.labels);
        match samples.next().unwrap().value {
            Value::Untyped(value) => value,
            ref other => panic!("{other:?}"),
        }
    };
    assert!((of_success(&format!("{DURATION}_sum")) - 603.025).abs() < 1e-9);
    assert!((of_success(&format!("{DURATION}_count")) - 4.0).abs() < 1e-9);
    assert!(scrape.docs[DURATION].contains("MCP server"));
}

#[test]
fn a_failed_call_a_prompt_and_a_subscription_have_series_of_their_own() {
    let recorder = exporter().build_recorder();
    let scrape = traffic(&TimingLayer::server(), &recorder);
    let failed = find(&scrape, DURATION, &[("error_type", "-32603")]);
    assert_eq!(
        failed.labels.get("rpc_response_status_code"),
        Some("-32603")
    );
    assert_eq!(counts(failed, &BUCKETS), [1.0; 15]);
    find(&scrape, DURATION, &[("gen_ai_prompt_name", "greet")]);
    let listen = find(
        &scrape,
        "mcp_server_subscription_duration_seconds",
        &[("mcp_method_name", "subscriptions/listen")],
    );
    let expected = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
    assert_eq!(counts(listen, &SUBSCRIPTION_BUCKETS), expected);
    let none = |sample: &Sample| {
        sample.metric != DURATION
            || sample.labels.get("mcp_method_name") != listen.labels.get("mcp_method_name")
    };
    assert!(scrape.samples.iter().all(none));
}

#[test]
fn the_gauge_counts_what_is_in_flight() {
    let recorder = exporter().build_recorder();
    let scrape = traffic(&TimingLayer::server(), &recorder);
    for (method, expected) in [
        ("tools/call", 1.0),
        ("prompts/get", 0.0),
        ("subscriptions/listen", 0.0),
    ] {
        let having = [("mcp_method_name", method)];
        let gauge = find(&scrape, "mcp_server_active_requests", &having);
        assert_eq!(gauge.value, Value::Gauge(expected), "{method}");
        assert_eq!(gauge.labels.len(), 1);
    }
}

#[test]
fn names_are_the_same_with_unit_suffixes() {
    let names = |builder: PrometheusBuilder| {
        let recorder = builder.build_recorder();
        let scrape = traffic(&TimingLayer::client(), &recorder);
        let mut names: Vec<_> = scrape.samples.into_iter().map(|s| s.metric).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let plain = names(exporter());
    let expected = [
        "mcp_client_active_requests",
        "mcp_client_operation_duration_seconds",
        "mcp_client_operation_duration_seconds_count",
        "mcp_client_operation_duration_seconds_sum",
        "mcp_client_subscription_duration_seconds",
        "mcp_client_subscription_duration_seconds_count",
        "mcp_client_subscription_duration_seconds_sum",
    ];
    assert_eq!(plain, expected);
    assert_eq!(names(exporter().with_recommended_naming(true)), plain);
}

#[test]
fn no_call_waits_for_an_exporter_that_nobody_reads() {
    let recorder = exporter().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        let layer = TimingLayer::server();
        for _ in 0..100_000 {
            exchange(&layer, call("echo"), Ok(json!({})));
        }
    });
    // Nothing was lost meanwhile.
    let text = recorder.handle().render();
    let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap();
    let sample = find(&scrape, DURATION, &[("gen_ai_tool_name", "echo")]);
    assert_eq!(counts(sample, &BUCKETS).last(), Some(&100_000.0));
}

#[test]
fn without_an_exporter_calls_go_on() {
    exchange(&TimingLayer::server(), call("echo"), Ok(json!({})));
}
