//! Log lines about a failure that repeats.

use std::time::{Duration, Instant};

use mcp_layers_audit_log::throttle::Throttle;

#[test]
fn a_failure_that_comes_and_goes_has_one_line_a_second() {
    let throttle = Throttle::default();
    let start = Instant::now();
    let (mut lines, mut failures) = (0, 0);
    for millis in (0..10_000).step_by(5) {
        let reported = throttle.failed(start + Duration::from_millis(millis));
        failures += reported.unwrap_or(0);
        lines += usize::from(reported.is_some()) + usize::from(throttle.recovered());
    }
    assert!(lines <= 10, "{lines}");
    assert!(failures > 1_500, "{failures}");
}

#[test]
fn an_end_is_reported_only_after_its_failure() {
    let throttle = Throttle::default();
    assert!(!throttle.recovered());
    assert_eq!(throttle.failed(Instant::now()), Some(1));
    assert!(throttle.recovered() && !throttle.recovered());
}
