//! The bounds of the table: callers choose keys, and get no fresh budget by them.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{a_second, by, call, n, passes, quota};
use mcp_layers_core::Clock;
use mcp_layers_rate_limit::{
    Cost, MemoryStore, Quota, RateLimitLayer, RateLimitStore, Rule, Verdict,
};

const MAX_KEYS: usize = 4_096;

fn limiter(burst: u32) -> (RateLimitLayer, Clock) {
    let clock = Clock::manual();
    let store = MemoryStore::new().max_keys(MAX_KEYS).unwrap();
    let rules = [Rule::new("r", a_second(burst))];
    let layer = RateLimitLayer::with_store(rules, store.with_clock(clock.clone()));
    (layer.unwrap(), clock)
}

fn cost(rule: &'static str, quota: Quota, key: &[u8]) -> Cost {
    Cost::new(rule, quota, n(1), |writer| {
        writer.bytes(key);
    })
}

#[test]
fn ten_million_keys_stay_within_the_bound_and_hot_keys_keep_their_budgets() {
    let clock = Clock::manual();
    let store = MemoryStore::new().max_keys(MAX_KEYS).unwrap();
    let store = store.with_clock(clock.clone());
    let ask = |key: &[u8]| store.decide(&[cost("r", a_second(3), key)]);
    // Has spent its burst, and then what comes back each second: never a full budget, which could go.
    let step = Duration::from_nanos(1_000);
    let hot = |number: u64| assert_eq!(ask(b"hot"), Verdict::Admitted, "{number}");
    (0..3).for_each(hot);
    for number in 1..=10_000_000_u64 {
        clock.advance(step);
        ask(&number.to_le_bytes());
        if number % 1_000_000 == 0 {
            hot(number);
            assert!(store.stats().keys <= MAX_KEYS);
        }
    }
    assert!(store.stats().keys <= MAX_KEYS);
    assert!(store.stats().overflowed > 0);
}

#[test]
fn a_blocked_caller_is_not_forgotten_into_a_fresh_budget() {
    let (layer, clock) = limiter(3);
    let blocked = || by("blocked", call("dig"));
    for _ in 0..3 {
        assert!(passes(&layer, blocked()));
    }
    for number in 0..MAX_KEYS * 20 {
        passes(&layer, by(&format!("flood-{number}"), call("dig")));
        if number % 100 == 0 {
            assert!(!passes(&layer, blocked()), "after {number}");
        }
    }
    clock.advance(Duration::from_nanos(999_999_999));
    assert!(!passes(&layer, blocked()));
    clock.advance(Duration::from_nanos(1));
    assert!(passes(&layer, blocked()));
}

#[test]
fn keys_that_find_no_room_share_one_budget() {
    let (layer, _) = limiter(3);
    let admitted =
        (0..MAX_KEYS * 4).filter(|number| passes(&layer, by(&number.to_string(), call("x"))));
    let admitted = admitted.count();
    let state = layer.handle().stats().store;
    assert!(state.keys <= MAX_KEYS, "{state:?}");
    assert_eq!(admitted, state.keys + 3, "{state:?}");
    assert_eq!(
        usize::try_from(state.overflowed).unwrap(),
        MAX_KEYS * 4 - state.keys
    );
    // Those who were there first have their own.
    assert!(passes(&layer, by("0", call("x"))));
}

#[test]
fn keys_with_full_budgets_make_room() {
    let (layer, clock) = limiter(1);
    for round in 0..5 {
        let admitted = (0..MAX_KEYS / 2)
            .filter(|number| passes(&layer, by(&format!("{round}-{number}"), call("x"))))
            .count();
        assert_eq!(admitted, MAX_KEYS / 2, "{round}");
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(layer.handle().stats().store.overflowed, 0);
}

#[test]
fn several_new_keys_of_one_call_do_not_take_each_others_place() {
    for room in 1..6 {
        let store = MemoryStore::new().max_keys(room).unwrap();
        let store = store.with_clock(Clock::manual());
        let hourly = quota(Duration::from_secs(3_600), 1);
        let costs = ["a", "b", "c", "d"].map(|rule| cost(rule, hourly, b"new"));
        assert_eq!(store.decide(&costs), Verdict::Admitted, "{room}");
        for one in costs {
            assert_ne!(store.decide(&[one]), Verdict::Admitted, "with {room}");
        }
    }
}

#[test]
fn a_million_keys_take_less_than_150_bytes_each() {
    const KEYS: usize = 1_000_000;
    let info = allocation_counter::measure(|| {
        let store = MemoryStore::new().max_keys(KEYS).unwrap();
        for number in 0..KEYS as u64 {
            let daily = quota(Duration::from_secs(86_400), 1);
            let cost = cost("r", daily, &number.to_le_bytes()).with_caller(Some(number));
            assert_eq!(store.decide(&[cost]), Verdict::Admitted);
        }
        let state = store.stats();
        assert_eq!((state.keys, state.overflowed), (KEYS, 0));
        std::mem::forget(store);
    });
    println!(
        "a million keys: {} bytes, {} at most",
        info.bytes_current, info.bytes_max
    );
    assert!(info.bytes_current < 150_000_000, "{info:?}");
}

#[test]
fn a_call_that_passes_allocates_once() {
    let (layer, _) = limiter(1_000);
    let mut service = tower::Layer::layer(&layer, common::Counting::default());
    let warm = tower::Service::call(&mut service, by("ada", call("dig")));
    drop(warm);
    let request = by("ada", call("dig"));
    // The allocations of the service itself.
    let mut bare = common::Counting::default();
    let copy = request.clone();
    let own = allocation_counter::measure(|| drop(tower::Service::call(&mut bare, copy)));
    let all = allocation_counter::measure(|| drop(tower::Service::call(&mut service, request)));
    assert_eq!(all.count_total, own.count_total + 1);
}
