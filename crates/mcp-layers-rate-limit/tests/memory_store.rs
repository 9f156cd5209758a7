//! The store in memory does what every store must, and the clock is the one it was given.
#![allow(clippy::unwrap_used)]

mod common;
mod suite;

use std::{sync::Arc, time::Duration};

use common::{a_second, by, call, limiter, passes};
use mcp_layers_rate_limit::{MemoryStore, Rule};
use mcp_layers_test::ManualClock;
use suite::Bench;

struct Memory {
    store: Arc<MemoryStore<ManualClock>>,
    clock: ManualClock,
}

impl Bench for Memory {
    type Store = MemoryStore<ManualClock>;

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
        let clock = ManualClock::new();
        let store = Arc::new(MemoryStore::new().clock(clock.clone()));
        Memory { store, clock }
    })
    .await;
}

#[test]
fn r7_time_is_that_of_the_monotonic_clock_that_it_was_given() {
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
