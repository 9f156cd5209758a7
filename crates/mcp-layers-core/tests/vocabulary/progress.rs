use mcp_layers_core::progress::Progress;
use std::time::{Duration, Instant};

#[test]
fn the_latest_report_counts_and_clones_share_it() {
    let progress = Progress::new();
    assert_eq!(progress.last(), None);
    let now = Instant::now();
    progress.clone().report_at(now + Duration::from_secs(2));
    progress.report_at(now);
    assert_eq!(progress.last(), Some(now + Duration::from_secs(2)));
}

#[test]
fn a_report_before_the_beginning_is_a_report() {
    let before = Instant::now();
    let progress = Progress::new();
    progress.report_at(before - Duration::from_secs(60));
    assert!(progress.last().is_some_and(|last| last >= before));
}
