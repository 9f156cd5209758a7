//! Many threads at once.
#![allow(clippy::unwrap_used)]

mod common;

use std::{num::NonZeroUsize, thread};

use common::{Counting, a_second, by, call, limiter};
use futures::executor::block_on;
use mcp_layers_rate_limit::{MemoryStore, Part, RateLimitLayer, Rule};
use tower::{Layer, ServiceExt};

#[test]
fn r5_sixty_four_threads_get_exactly_the_burst() {
    let (layer, _) = limiter([
        Rule::new("all", a_second(1_000)).key([]),
        Rule::new("each", a_second(300)).key([Part::Principal]),
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
fn r5_threads_that_fight_for_room_get_no_more_than_their_budgets() {
    let clock = mcp_layers_test::ManualClock::new();
    let store = MemoryStore::new()
        .max_keys(NonZeroUsize::new(4).unwrap())
        .clock(clock);
    let layer = RateLimitLayer::new([Rule::new("each", a_second(10)).key([Part::Principal])]);
    let layer = layer.unwrap().store(store);
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
