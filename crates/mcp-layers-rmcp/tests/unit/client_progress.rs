use super::{MAX_EARLY, ProgressTokens};
use mcp_layers_core::progress::Progress;
use rmcp::model::{NumberOrString, ProgressNotificationParam, ProgressToken};

fn token(number: usize) -> ProgressToken {
    ProgressToken(NumberOrString::Number(i64::try_from(number).unwrap_or(0)))
}

fn received(tokens: &ProgressTokens, number: usize) {
    tokens.received(&ProgressNotificationParam::new(token(number), 1.0));
}

#[test]
fn a_notification_is_told_to_its_request_alone_while_it_runs() {
    let tokens = ProgressTokens::new();
    let (one, other) = (Progress::new(), Progress::new());
    let running = tokens.watch(token(1), one.clone());
    let _running = tokens.watch(token(2), other.clone());
    received(&tokens, 1);
    assert!(one.last().is_some() && other.last().is_none());
    drop(running);
    assert_eq!(tokens.lock().running.len(), 1);
}

#[test]
fn a_notification_that_was_faster_than_its_request_counts() {
    let tokens = ProgressTokens::new();
    received(&tokens, 1);
    let progress = Progress::new();
    let _running = tokens.watch(token(1), progress.clone());
    assert!(progress.last().is_some());
    (0..1_000).for_each(|number| received(&tokens, number + 10));
    assert_eq!(tokens.lock().early.len(), MAX_EARLY);
}
