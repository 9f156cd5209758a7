//! Stale answers, within their windows.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::*;
use mcp_layers_cache::Eviction;
use mcp_layers_core::{McpError, McpResponse, response::CacheScope, trail::CacheEvent};
use mcp_layers_test::{Answer, Gate, Task};
use tower::{Layer, Service, ServiceExt};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_stale_answer_is_served_when_the_server_fails_and_says_so() {
    let (layer, clock) = layer();
    let layer = layer.stale_if_error(SECOND * 10);
    let mock = counting(CacheScope::Public);
    let service = layer.layer(mock.clone());
    assert_eq!(run_of(&service, list()).await, "1");
    clock.advance(MINUTE + SECOND * 9);
    for failure in [
        Answer::error(McpError::internal()),
        Answer::error(McpError::timed_out()),
        Answer::fail("the transport is gone"),
    ] {
        mock.push(failure);
        let stale = ask(&service, list()).await;
        assert_eq!(
            event(&stale),
            Some(CacheEvent::Stale {
                age: MINUTE + SECOND * 9
            })
        );
        assert_eq!(
            (run(&stale).as_str(), stale.cache_hint().ttl_ms),
            ("1", Some(0))
        );
    }
    // The caller's own error is the answer.
    mock.push(Answer::error(McpError::forbidden()));
    assert_eq!(ask(&service, list()).await.outcome().code(), Some(403));
    // Outside the window the failure is the answer.
    clock.advance(SECOND);
    mock.push(Answer::error(McpError::internal()));
    assert_eq!(ask(&service, list()).await.outcome().code(), Some(-32603));
    mock.push(Answer::fail("gone"));
    assert!(service.clone().oneshot(list()).await.is_err());
    assert_eq!(layer.handle().stats().stale, 3);
    assert_eq!(layer.handle().stats().evicted(Eviction::Expired), 1);
}

#[tokio::test]
async fn without_a_window_nothing_stale_is_served() {
    let (service, mock, clock) = service(CacheScope::Public);
    ask(&service, list()).await;
    clock.advance(MINUTE);
    mock.push(Answer::error(McpError::internal()));
    assert_eq!(ask(&service, list()).await.outcome().code(), Some(-32603));
}

#[tokio::test]
async fn others_are_served_a_stale_entry_while_one_request_runs() {
    let (layer, clock) = layer();
    let layer = layer.stale_while_revalidate(SECOND * 10);
    let mock = counting(CacheScope::Public);
    let mut service = layer.layer(mock.clone());
    assert_eq!(run_of(&service, list()).await, "1");
    clock.advance(MINUTE + SECOND);
    let gate = Gate::closed();
    mock.push(Answer::plausible().behind(&gate));
    let mut one = Task::new(service.call(list()));
    assert!(one.poll().is_pending());
    let stale = ask(&service, list()).await;
    assert_eq!(run(&stale), "1");
    assert_eq!(
        event(&stale),
        Some(CacheEvent::Stale {
            age: MINUTE + SECOND
        })
    );
    // Beyond the window everyone waits.
    clock.advance(SECOND * 9);
    let mut other = Task::new(service.call(list()));
    assert!(other.poll().is_pending());
    assert_eq!(mock.calls(), 2);
    drop((one, other));
    assert_eq!(run_of(&service, list()).await, "2");
}
