//! Exponential backoff with full jitter.

use mcp_layers_retry::Backoff;
use proptest::prelude::*;
use std::time::Duration;

#[test]
fn the_wait_doubles_up_to_the_maximum() {
    let backoff = Backoff {
        base: Duration::from_millis(100),
        max: Duration::from_secs(1),
    };
    let longest: Vec<_> = (1..=6)
        .map(|retry| backoff.longest(retry).as_millis())
        .collect();
    assert_eq!(longest, [100, 200, 400, 800, 1_000, 1_000]);
    assert_eq!(backoff.longest(u32::MAX), backoff.max);
    assert_eq!(backoff.wait(1, 0), Duration::ZERO);
    assert_eq!(backoff.wait(1, u64::MAX), Duration::from_millis(100));
    assert_eq!(backoff.wait(1, u64::MAX / 2).as_millis(), 50);
}

proptest! {
    #[test]
    fn a_wait_is_never_longer_than_the_longest(
        base in any::<Duration>(),
        max in any::<Duration>(),
        retry in any::<u32>(),
        random in any::<u64>(),
    ) {
        let backoff = Backoff { base, max };
        prop_assert!(backoff.wait(retry, random) <= backoff.longest(retry));
        prop_assert!(backoff.longest(retry) <= max);
    }
}
