//! The page of a real exporter.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used)]

use std::{convert::Infallible, time::Duration};

use futures::executor::block_on;
use mcp_layers_core::{
    Event, JsonRpcRequest, JsonRpcResponse, McpError, McpResponse, Trail,
    trail::{BypassReason, CacheEvent, CircuitState, GiveUpReason},
};
use mcp_layers_events::EventsLayer;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

const RETRY_AFTER: Duration = Duration::from_millis(83);

/// The series of the counter after these trails, sorted, without the name of the metric.
fn series(layer: &EventsLayer, trails: impl IntoIterator<Item = Vec<Event>>) -> Vec<String> {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        for events in trails {
            let service = layer.layer(service_fn(move |request: JsonRpcRequest| {
                let mut response = JsonRpcResponse::success(&request, json!({}));
                let mut trail = Trail::new();
                events.iter().for_each(|event| trail.push(event.clone()));
                *response.trail_mut() = trail;
                std::future::ready(Ok::<_, Infallible>(response))
            }));
            let request = JsonRpcRequest::call_tool(1, "echo", json!({}));
            block_on(service.oneshot(request)).unwrap();
        }
    });
    let page = recorder.handle().render();
    let lines = page
        .lines()
        .filter_map(|line| line.strip_prefix("mcp_layers_events_total"));
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

fn denied(rule: impl Into<String>) -> Event {
    let rule = rule.into().into();
    Event::Denied { rule }
}

fn attempt(number: u32) -> Event {
    Event::Attempt {
        number,
        of: 3,
        code: Some(-32603),
    }
}

#[test]
fn every_kind_of_event_is_counted() {
    let changed = |state| Event::CircuitChanged {
        circuit: "upstream".into(),
        state,
    };
    let age = Duration::from_secs(1);
    let events = vec![
        denied("reports"),
        Event::Filtered { entries: 2 },
        Event::Limited {
            rule: "per-tool".into(),
            retry_after: RETRY_AFTER,
        },
        Event::Waited {
            rule: "per-tool".into(),
            waited: RETRY_AFTER,
        },
        Event::Cache(CacheEvent::Hit { age }),
        Event::Cache(CacheEvent::Stale { age }),
        Event::Cache(CacheEvent::Miss),
        Event::Cache(CacheEvent::Coalesced),
        Event::Cache(CacheEvent::Bypass {
            reason: BypassReason::TooLarge,
        }),
        attempt(1),
        attempt(2),
        attempt(3),
        Event::GaveUp {
            reason: GiveUpReason::Attempts,
        },
        Event::OutcomeUnknown,
        Event::CircuitOpen {
            circuit: "upstream".into(),
            retry_after: RETRY_AFTER,
        },
        changed(CircuitState::Open),
        changed(CircuitState::HalfOpen),
        changed(CircuitState::Closed),
        Event::TimedOut { after: age },
        Event::Cancelled,
        Event::Masked {
            error_id: "4711".into(),
            original: Box::new(McpError::internal()),
        },
        Event::Panicked {
            message: "secret".into(),
        },
        Event::Failed {
            cause: "secret".into(),
        },
        Event::Custom {
            layer: "audit",
            name: "unavailable",
            detail: Box::new(Value::Null),
        },
    ];
    let expected = [
        r#"{event="attempt"} 1"#,
        r#"{event="cache_bypass",reason="too_large"} 1"#,
        r#"{event="cache_coalesced"} 1"#,
        r#"{event="cache_hit"} 1"#,
        r#"{event="cache_miss"} 1"#,
        r#"{event="cache_stale"} 1"#,
        r#"{event="cancelled"} 1"#,
        r#"{event="circuit_closed",circuit="upstream"} 1"#,
        r#"{event="circuit_half_opened",circuit="upstream"} 1"#,
        r#"{event="circuit_opened",circuit="upstream"} 1"#,
        r#"{event="circuit_refused",circuit="upstream"} 1"#,
        r#"{event="custom",layer="audit.unavailable"} 1"#,
        r#"{event="denied",rule="reports"} 1"#,
        r#"{event="failed"} 1"#,
        r#"{event="filtered"} 1"#,
        r#"{event="gave_up",reason="attempts"} 1"#,
        r#"{event="limited",rule="per-tool"} 1"#,
        r#"{event="masked"} 1"#,
        r#"{event="outcome_unknown"} 1"#,
        r#"{event="panicked"} 1"#,
        r#"{event="retry"} 2"#,
        r#"{event="timed_out"} 1"#,
        r#"{event="waited",rule="per-tool"} 1"#,
    ];
    assert_eq!(series(&EventsLayer::new(), [events]), expected);
}

#[test]
fn names_beyond_the_bound_are_other() {
    let layer = EventsLayer::new().max_names(2).unwrap();
    let trails = (0..1_000).map(|number| vec![denied(format!("rule-{number}"))]);
    let expected = [
        r#"{event="denied",rule="_OTHER"} 998"#,
        r#"{event="denied",rule="rule-0"} 1"#,
        r#"{event="denied",rule="rule-1"} 1"#,
    ];
    assert_eq!(series(&layer, trails), expected);
    let known = series(&layer.clone(), [vec![denied("rule-1")]]);
    assert_eq!(known, [r#"{event="denied",rule="rule-1"} 1"#]);
}

#[test]
fn names_that_exporters_would_have_to_escape_are_other() {
    let names = ["a\"b", "a\\b", "a\nb", "", &"a".repeat(129)];
    let trails = names.map(|name| vec![denied(name)]);
    let expected = [r#"{event="denied",rule="_OTHER"} 5"#];
    assert_eq!(series(&EventsLayer::new(), trails), expected);
}

#[test]
fn a_response_without_events_is_not_counted() {
    assert!(series(&EventsLayer::new(), [vec![]]).is_empty());
}

#[test]
fn zero_names_are_a_configuration_error() {
    assert!(EventsLayer::new().max_names(0).is_err());
}
