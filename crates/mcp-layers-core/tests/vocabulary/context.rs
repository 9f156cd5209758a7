use mcp_layers_core::CallContext;
use std::time::{Duration, Instant};

#[test]
fn a_deadline_only_comes_forward() {
    let now = Instant::now();
    let mut context = CallContext::new();
    context.limit_deadline(now + Duration::from_secs(2));
    context.limit_deadline(now + Duration::from_secs(5));
    assert_eq!(context.deadline(), Some(now + Duration::from_secs(2)));
    context.limit_deadline(now + Duration::from_secs(1));
    assert_eq!(context.deadline(), Some(now + Duration::from_secs(1)));
}

#[test]
fn copies_of_a_request_share_what_is_watched() {
    let mut context = CallContext::new();
    assert!(context.progress().is_none());
    let progress = context.watch_progress().clone();
    let mut copy = context.clone();
    copy.watch_progress().report();
    assert!(progress.last().is_some());
}
