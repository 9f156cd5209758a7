//! The handle: quotas that change and counters that are read while the server runs.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{a_second, by, call, how_many, limiter, n, quota};
use mcp_layers_core::Clock;
use mcp_layers_rate_limit::{KeyComponent, MemoryStore, RateLimitLayer, Rule};

#[test]
fn a_smaller_quota_holds_at_once_and_what_is_spent_stays_spent() {
    let (layer, clock) = limiter([Rule::new("r", a_second(10))]);
    let handle = layer.handle();
    let request = || by("ada", call("dig"));
    for _ in 0..4 {
        common::passes(&layer, request());
    }
    // Three of the burst of three are spent by the four.
    handle
        .set_quota("r", quota(Duration::from_secs(60), 3))
        .unwrap();
    assert_eq!(how_many(&layer, request), 0);
    clock.advance(Duration::from_secs(59));
    assert_eq!(how_many(&layer, request), 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(how_many(&layer, request), 1);
    // Two of three are spent still: of ten there would be eight.
    clock.advance(Duration::from_secs(60));
    handle.set_quota("r", a_second(10)).unwrap();
    assert_eq!(how_many(&layer, request), 8);
}

#[test]
fn a_key_that_was_slowed_down_is_not_forgotten_as_if_it_had_not_been() {
    let clock = Clock::manual();
    let store = MemoryStore::new().max_keys(1).unwrap();
    let rules = [Rule::new("r", a_second(1))];
    let layer = RateLimitLayer::with_store(rules, store.with_clock(clock.clone())).unwrap();
    assert_eq!(how_many(&layer, || by("ada", call("dig"))), 1);
    let slow = quota(Duration::from_secs(3_600), 1);
    layer.handle().set_quota("r", slow).unwrap();
    // By the old quota its budget would be full, and its place free.
    clock.advance(Duration::from_secs(2));
    how_many(&layer, || by("bob", call("dig")));
    assert_eq!(how_many(&layer, || by("ada", call("dig"))), 0);
}

#[test]
fn an_impossible_quota_is_an_error_and_changes_nothing() {
    let (layer, _) = limiter([Rule::new("r", a_second(10)).cost(n(5))]);
    let handle = layer.handle();
    assert!(handle.set_quota("other", a_second(1)).is_err());
    assert!(handle.set_quota("r", a_second(4)).is_err());
    assert_eq!(handle.stats().rules[0].quota, a_second(10));
}

#[test]
fn stats_report_quotas_refusals_and_keys() {
    let (layer, _) = limiter([
        Rule::new("all", a_second(50)).key([]),
        Rule::new("each", a_second(2)).key([KeyComponent::Tool]),
    ]);
    how_many(&layer, || call("a"));
    how_many(&layer, || call("b"));
    let state = layer.handle().stats();
    let told: Vec<_> = state
        .rules
        .iter()
        .map(|rule| (&*rule.name, rule.refused))
        .collect();
    assert_eq!(told, [("all", 0), ("each", 196)]);
    assert_eq!(state.store.keys, 3);
    assert!(!state.store.is_unavailable);
}
