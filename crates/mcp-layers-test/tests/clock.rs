//! The manual clock.

use std::{thread, time::Duration};

use mcp_layers_core::Clock;
use mcp_layers_test::ManualClock;

#[test]
fn stands_still_until_it_is_moved() {
    let clock = ManualClock::new();
    let start = clock.now();
    thread::yield_now();
    assert_eq!(clock.now(), start);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(clock.now() - start, Duration::from_nanos(1));
}

#[test]
fn clones_share_the_time_and_new_clocks_do_not() {
    let clock = ManualClock::new();
    clock.clone().advance(Duration::from_secs(1));
    assert_eq!(clock.elapsed(), Duration::from_secs(1));
    assert_eq!(ManualClock::new().elapsed(), Duration::ZERO);
}

#[test]
fn no_advance_of_many_threads_is_lost_and_the_time_never_goes_back() {
    const THREADS: u32 = 8;
    const STEPS: u32 = 2_000;
    let clock = ManualClock::new();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut before = clock.now();
                for _ in 0..STEPS {
                    clock.advance(Duration::from_nanos(3));
                    let now = clock.now();
                    assert!(now >= before + Duration::from_nanos(3));
                    before = now;
                }
            });
        }
    });
    assert_eq!(clock.elapsed(), Duration::from_nanos(3) * THREADS * STEPS);
}

#[test]
fn stops_at_its_end() {
    let clock = ManualClock::new();
    clock.advance(Duration::MAX);
    let end = clock.now();
    clock.advance(Duration::from_secs(1));
    assert_eq!(clock.now(), end);
}
