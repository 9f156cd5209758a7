//! The defaults of tables are those of the layers.

#![cfg(feature = "full")]
#![allow(clippy::unwrap_used)]

use std::{fmt::Debug, num::NonZeroU32, time::Duration};

use mcp_layers_audit::{AuditLayer, Key, LogOptions, TracingSink};
use mcp_layers_authenticate::{ApiKeys, AuthenticateLayer};
use mcp_layers_authorize::{AuthorizeLayer, Rules};
use mcp_layers_cache::CacheLayer;
use mcp_layers_circuit_breaker::CircuitBreakerLayer;
use mcp_layers_config::{Secret, Settings, audit::AuditFileSettings};
use mcp_layers_drain::DrainLayer;
use mcp_layers_error_mask::ErrorMaskLayer;
use mcp_layers_events::EventsLayer;
use mcp_layers_rate_limit::{
    AddressLimitLayer, ConcurrencyLimitLayer, Quota, RateLimitLayer, Rule,
};
use mcp_layers_retry::RetryLayer;
use mcp_layers_timeout::{Limits, TimeoutLayer};
use mcp_layers_timing::TimingLayer;
use mcp_layers_trace::TraceLayer;
use serde_json::json;

#[track_caller]
fn same(built: Option<impl Debug>, made: impl Debug) {
    assert_eq!(shown(&built.unwrap()), shown(&made));
}

/// The text of `Debug`, without addresses in memory and random numbers.
fn shown(value: &impl Debug) -> String {
    let text = format!("{value:#?}");
    let lines = text
        .lines()
        .filter(|line| !line.contains("0x") && !line.contains("seed"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn tables_without_keys_are_the_layers_as_they_are_made() {
    let settings = Settings::read(json!({
        "address_limit": { "quota": "10/s" },
        "audit": { "tracing": "json" },
        "authenticate": { "api_keys": { "robot": { "digest": "0".repeat(64) } } },
        "authorize": {},
        "cache": {},
        "circuit_breaker": {},
        "concurrency_limit": { "max_in_flight": 8 },
        "drain": {},
        "error_mask": {},
        "events": {},
        "rate_limit": { "rules": { "a": { "quota": "10/s" } } },
        "retry": { "attempts": 3 },
        "timeout": { "maximum": "30s", "tool": { "dig": { "maximum": "5s" } } },
        "timing": {},
        "trace": {},
    }));
    let (layers, _) = settings.unwrap().build().unwrap();
    let ten = Quota::per_second(NonZeroU32::new(10).unwrap());
    let seconds = Duration::from_secs;
    same(layers.address_limit, AddressLimitLayer::new(ten));
    same(layers.authenticate, AuthenticateLayer::new(ApiKeys::new()));
    same(
        layers.authorize,
        AuthorizeLayer::new(Rules::builder().build().unwrap()),
    );
    same(layers.cache, CacheLayer::new());
    same(layers.circuit_breaker, CircuitBreakerLayer::new());
    same(
        layers.concurrency_limit,
        ConcurrencyLimitLayer::new("in_flight", 8).unwrap(),
    );
    same(layers.drain, DrainLayer::new());
    same(layers.error_mask, ErrorMaskLayer::new());
    same(layers.events, EventsLayer::new());
    same(
        layers.rate_limit,
        RateLimitLayer::new([Rule::new("a", ten)]).unwrap(),
    );
    same(layers.retry, RetryLayer::new(NonZeroU32::new(3).unwrap()));
    let timeout = TimeoutLayer::new(seconds(30)).tool("dig", Limits::maximum(seconds(5)));
    same(layers.timeout, timeout.unwrap());
    same(layers.timing, TimingLayer::server());
    same(layers.trace, TraceLayer::server());
    // Each layer has a random key, which `Debug` does not show.
    same(layers.audit, AuditLayer::new(TracingSink::new()).unwrap());
}

#[test]
fn the_audit_file_has_the_defaults_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    drop(Key::read_or_create(&path).unwrap());
    let key = Key::read(&path).unwrap();
    let options = AuditFileSettings::new("audit.jsonl", Secret::file(&path)).options();
    same(options.ok(), LogOptions::new(&key));
}
