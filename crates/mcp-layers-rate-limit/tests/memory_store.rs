//! The store in memory behaves as every store, by the clock that it is given.
#![allow(clippy::unwrap_used)]

mod common;
mod suite;

use std::{sync::Arc, time::Duration};

use common::{a_second, by, call, limiter, n, passes, quota};
use mcp_layers_core::Clock;
use mcp_layers_rate_limit::{Cost, MemoryStore, Quota, Rule, Verdict};
use suite::Bench;

struct Memory {
    store: Arc<MemoryStore>,
    clock: Clock,
}

impl Bench for Memory {
    type Store = MemoryStore;

    fn store(&self) -> Arc<Self::Store> {
        Arc::clone(&self.store)
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    const SLACK: Duration = Duration::ZERO;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_rules_of_stores() {
    suite::run(async || {
        let clock = Clock::manual();
        let store = Arc::new(MemoryStore::new().with_clock(clock.clone()));
        Memory { store, clock }
    })
    .await;
}

#[test]
fn time_is_that_of_the_monotonic_clock_that_it_was_given() {
    let (layer, clock) = limiter([Rule::new("r", a_second(1))]);
    assert!(passes(&layer, by("ada", call("dig"))));
    clock.advance(Duration::from_nanos(999_999_999));
    assert!(!passes(&layer, by("ada", call("dig"))));
    clock.advance(Duration::from_nanos(1));
    assert!(passes(&layer, by("ada", call("dig"))));
    // A jump of 500 years gives a burst, and no more.
    clock.advance(Duration::from_secs(500 * 365 * 86_400));
    assert!(passes(&layer, by("ada", call("dig"))));
    assert!(!passes(&layer, by("ada", call("dig"))));
}

#[test]
fn extreme_quotas_refuse_rather_than_overflow() {
    let forever = Quota::with_period(Duration::MAX).unwrap();
    let long = quota(Duration::from_nanos(1 << 62), u32::MAX);
    for quota in [forever, forever.allow_burst(n(u32::MAX)), long] {
        for jump in [0, u64::MAX / 2, u64::MAX - 1] {
            let clock = Clock::manual();
            let store = MemoryStore::new().with_clock(clock.clone());
            let ask = |amount| store.decide(&[Cost::new("r", quota, n(amount), |_| {})]);
            clock.advance(Duration::from_nanos(jump));
            assert_eq!(ask(1), Verdict::Admitted);
            assert_ne!(ask(u32::MAX), Verdict::Admitted);
        }
    }
    // More than a call each nanosecond.
    let store = MemoryStore::new().with_clock(Clock::manual());
    let fastest = Quota::per_second(n(u32::MAX));
    let ask = |amount| store.decide(&[Cost::new("r", fastest, n(amount), |_| {})]);
    assert_eq!(ask(u32::MAX), Verdict::Admitted);
    let retry_after = Duration::from_nanos(1);
    let limited = Verdict::Limited {
        index: 0,
        retry_after,
    };
    assert_eq!(ask(1), limited);
}

#[test]
fn bounds_of_zero_are_errors() {
    assert!(MemoryStore::new().max_keys(0).is_err());
    assert!(MemoryStore::new().max_keys_per_caller(0).is_err());
}
