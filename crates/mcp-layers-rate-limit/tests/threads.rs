//! Many threads at once.
#![allow(clippy::unwrap_used)]

mod common;

use std::thread;

use common::{Counting, a_second, by, call, limiter};
use futures::executor::block_on;
use mcp_layers_core::Clock;
use mcp_layers_rate_limit::{KeyComponent, MemoryStore, RateLimitLayer, Rule};
use tower::{Layer, ServiceExt};

#[test]
fn sixty_four_threads_get_exactly_the_burst() {
    let (layer, _) = limiter([
        Rule::new("all", a_second(1_000)).key([]),
        Rule::new("each", a_second(300)).key([KeyComponent::Principal]),
    ]);
    let counting = Counting::default();
    thread::scope(|scope| {
        for number in 0..64 {
            let service = layer.layer(counting.clone());
            scope.spawn(move || {
                let subject = format!("user-{}", number % 4);
                for _ in 0..200 {
                    block_on(service.clone().oneshot(by(&subject, call("dig")))).unwrap();
                }
            });
        }
    });
    assert_eq!(counting.count(), 1_000);
}

#[test]
fn threads_that_fight_for_room_get_no_more_than_their_budgets() {
    let store = MemoryStore::new().max_keys(4).unwrap();
    let rules = [Rule::new("each", a_second(10)).key([KeyComponent::Principal])];
    let layer = RateLimitLayer::with_store(rules, store.with_clock(Clock::manual())).unwrap();
    let counting = Counting::default();
    thread::scope(|scope| {
        for number in 0..64 {
            let service = layer.layer(counting.clone());
            scope.spawn(move || {
                for _ in 0..100 {
                    let request = by(&format!("user-{number}"), call("dig"));
                    block_on(service.clone().oneshot(request)).unwrap();
                }
            });
        }
    });
    // Four keys of their own, and one that the others share.
    assert_eq!(counting.count(), 50);
}

#[test]
fn ten_thousand_clones_share_one_budget() {
    let (layer, _) = limiter([Rule::new("r", a_second(7))]);
    let counting = Counting::default();
    let service = layer.layer(counting.clone());
    let clones: Vec<_> = (0..10_000).map(|_| service.clone()).collect();
    for clone in clones {
        block_on(clone.oneshot(call("dig"))).unwrap();
    }
    assert_eq!(counting.count(), 7);
}

#[test]
fn a_quota_that_changes_meanwhile_gives_nothing_away() {
    for _ in 0..20 {
        let (layer, _) = limiter([Rule::new("r", a_second(100)).key([])]);
        let counting = Counting::default();
        let handle = layer.handle();
        thread::scope(|scope| {
            for _ in 0..8 {
                let service = layer.layer(counting.clone());
                scope.spawn(move || {
                    for _ in 0..50 {
                        block_on(service.clone().oneshot(call("dig"))).unwrap();
                    }
                });
            }
            scope.spawn(move || {
                for burst in (50..100).rev() {
                    handle.set_quota("r", a_second(burst)).unwrap();
                }
            });
        });
        // A smaller burst never admits more, and what is spent stays spent.
        assert!(
            (50..=100).contains(&counting.count()),
            "{}",
            counting.count()
        );
        block_on(layer.layer(counting.clone()).oneshot(call("dig"))).unwrap();
        assert!(counting.count() <= 100);
    }
}
