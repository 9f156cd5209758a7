use mcp_layers_core::{Clock, progress::InputWait};
use std::time::Duration;

#[test]
fn waits_that_overlap_count_once() {
    let second = Duration::from_secs(1);
    let clock = Clock::manual();
    let wait = InputWait::new(clock.clone());
    let first = wait.begin();
    clock.advance(second);
    let second_wait = wait.clone().begin();
    clock.advance(second);
    drop(first);
    clock.advance(second);
    assert!(wait.since().is_some());
    drop(second_wait);
    clock.advance(second);
    drop(wait.begin());
    assert_eq!(wait.finished(), 3 * second);
    assert_eq!(wait.last_end(), Some(clock.now()));
}
