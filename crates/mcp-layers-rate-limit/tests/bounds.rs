//! Callers choose keys: the table stays bounded, and nobody gets a fresh budget by it.
#![allow(clippy::unwrap_used)]

mod common;

use std::{num::NonZeroUsize, time::Duration};

use common::{a_second, by, call, n, passes, quota};
use mcp_layers_rate_limit::{Charges, MemoryStore, RateLimitLayer, RateLimitStore, Rule, Verdict};
use mcp_layers_test::ManualClock;

const MAX_KEYS: usize = 4_096;

fn limiter(burst: u32) -> (RateLimitLayer<MemoryStore<ManualClock>>, ManualClock) {
    let clock = ManualClock::new();
    let store = MemoryStore::new().max_keys(NonZeroUsize::new(MAX_KEYS).unwrap());
    let layer = RateLimitLayer::new([Rule::new("r", a_second(burst))]).unwrap();
    (layer.store(store.clock(clock.clone())), clock)
}

#[test]
fn r1_ten_million_keys_stay_within_the_bound_and_hot_keys_keep_their_budgets() {
    let clock = ManualClock::new();
    let store = MemoryStore::new()
        .max_keys(NonZeroUsize::new(MAX_KEYS).unwrap())
        .clock(clock.clone());
    let ask = |key: &[u8]| {
        let mut charges = Charges::new();
        charges.push("r", a_second(3), n(1), |writer| writer.part(key));
        store.decide(&charges)
    };
    // Has spent its burst, and then what comes back each second: never a full budget, which could go.
    let step = Duration::from_nanos(1_000);
    let hot = |number: u64| assert_eq!(ask(b"hot"), Verdict::Admitted, "{number}");
    (0..3).for_each(hot);
    for number in 1..=10_000_000_u64 {
        clock.advance(step);
        ask(&number.to_le_bytes());
        if number % 1_000_000 == 0 {
            hot(number);
            assert!(store.state().keys <= MAX_KEYS);
        }
    }
    assert!(store.state().keys <= MAX_KEYS);
    assert!(store.state().overflowed > 0);
}

#[test]
fn r1_a_blocked_caller_is_not_forgotten_into_a_fresh_budget() {
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
fn r1_what_finds_no_room_shares_one_budget() {
    let (layer, _) = limiter(3);
    let admitted =
        (0..MAX_KEYS * 4).filter(|number| passes(&layer, by(&number.to_string(), call("x"))));
    let admitted = admitted.count();
    let state = layer.handle().state().store;
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
fn r1_keys_with_full_budgets_make_room() {
    let (layer, clock) = limiter(1);
    for round in 0..5 {
        let admitted = (0..MAX_KEYS / 2)
            .filter(|number| passes(&layer, by(&format!("{round}-{number}"), call("x"))))
            .count();
        assert_eq!(admitted, MAX_KEYS / 2, "{round}");
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(layer.handle().state().store.overflowed, 0);
}

#[test]
fn r1_several_new_keys_of_one_call_do_not_take_each_others_place() {
    let clock = ManualClock::new();
    for room in 1..6 {
        let store = MemoryStore::new()
            .max_keys(NonZeroUsize::new(room).unwrap())
            .clock(clock.clone());
        let hourly = quota(Duration::from_secs(3_600), 1);
        let mut charges = Charges::new();
        for rule in ["a", "b", "c", "d"] {
            charges.push(rule, hourly, n(1), |writer| writer.part(b"new"));
        }
        assert_eq!(store.decide(&charges), Verdict::Admitted, "{room}");
        for rule in ["a", "b", "c", "d"] {
            let mut one = Charges::new();
            one.push(rule, hourly, n(1), |writer| writer.part(b"new"));
            assert_ne!(store.decide(&one), Verdict::Admitted, "{rule} with {room}");
        }
    }
}

#[test]
fn a_million_keys_take_no_more_memory_than_is_said() {
    const KEYS: usize = 1_000_000;
    let info = allocation_counter::measure(|| {
        // Hashes do not fall evenly: a little room to spare.
        let store = MemoryStore::new().max_keys(NonZeroUsize::new(KEYS * 21 / 20).unwrap());
        for number in 0..KEYS as u64 {
            let mut charges = Charges::new();
            let daily = quota(Duration::from_secs(86_400), 1);
            charges.push("r", daily, n(1), |writer| {
                writer.part(&number.to_le_bytes());
            });
            assert_eq!(store.decide(&charges), Verdict::Admitted);
        }
        let state = store.state();
        assert_eq!((state.keys, state.overflowed), (KEYS, 0));
        std::mem::forget(store);
    });
    println!(
        "a million keys: {} bytes, {} at most",
        info.bytes_current, info.bytes_max
    );
    assert!(info.bytes_current < 60_000_000, "{info:?}");
}

#[test]
fn a_call_of_a_key_that_is_known_allocates_nothing() {
    let (layer, _) = limiter(1_000);
    passes_without_an_allocation(&layer);
}

#[test]
fn nor_does_one_that_four_rules_concern() {
    let rules = ["a", "b", "c", "d"].map(|name| Rule::new(name, a_second(10)));
    passes_without_an_allocation(&RateLimitLayer::new(rules).unwrap());
}

fn passes_without_an_allocation(layer: &RateLimitLayer<impl RateLimitStore>) {
    let mut service = tower::Layer::layer(layer, common::Counting::default());
    let warm = tower::Service::call(&mut service, by("ada", call("dig")));
    drop(warm);
    let request = by("ada", call("dig"));
    // What the answer of the service itself takes.
    let mut bare = common::Counting::default();
    let copy = request.clone();
    let own = allocation_counter::measure(|| drop(tower::Service::call(&mut bare, copy)));
    let all = allocation_counter::measure(|| drop(tower::Service::call(&mut service, request)));
    assert_eq!(all.count_total, own.count_total);
}
