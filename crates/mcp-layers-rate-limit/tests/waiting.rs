//! Calls that wait for their turn, on paused time.
#![cfg(feature = "wait")]
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Counting, a_second, call};
use mcp_layers_core::{Clock, Event, McpRequest, McpResponse};
use mcp_layers_rate_limit::{RateLimitLayer, Rule};
use mcp_layers_test::Task;
use tower::{Layer, Service, ServiceExt};

fn limiter(burst: u32, max_wait: Duration) -> RateLimitLayer {
    let layer = RateLimitLayer::new([Rule::new("r", a_second(burst))]).unwrap();
    layer.with_clock(Clock::tokio()).max_wait(max_wait)
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_its_turn_and_says_so() {
    let layer = limiter(1, SECOND * 2);
    let service = layer.layer(Counting::default());
    service.clone().oneshot(call("dig")).await.unwrap();
    let start = tokio::time::Instant::now();
    let response = service.oneshot(call("dig")).await.unwrap();
    assert_eq!(response.outcome().code(), None);
    let elapsed = start.elapsed();
    assert!(
        elapsed >= SECOND && elapsed < SECOND + Duration::from_millis(10),
        "{elapsed:?}"
    );
    let events: Vec<_> = response.trail().events().collect();
    let [Event::Waited { rule, waited }] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(rule, "r");
    assert!(*waited >= SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_could_not_pass_in_time_is_refused_at_once() {
    let layer = limiter(1, Duration::from_millis(999));
    let service = layer.layer(Counting::default());
    service.clone().oneshot(call("dig")).await.unwrap();
    let start = tokio::time::Instant::now();
    let response = service.clone().oneshot(call("dig")).await.unwrap();
    assert_eq!(response.outcome().code(), Some(429));
    assert_eq!(start.elapsed(), Duration::ZERO);

    let mut hurried = call("dig");
    hurried
        .context_mut()
        .limit_deadline(Clock::tokio().now() + SECOND / 2);
    let patient = limiter(1, SECOND * 10).layer(Counting::default());
    patient.clone().oneshot(call("dig")).await.unwrap();
    let response = patient.oneshot(hurried).await.unwrap();
    assert_eq!(response.outcome().code(), Some(429));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn of_many_that_wait_as_many_pass_as_there_is_budget_and_no_one_waits_too_long() {
    let layer = limiter(2, SECOND * 5);
    let service = layer.layer(Counting::default());
    let calls: Vec<_> = (0..50)
        .map(|_| tokio::spawn(service.clone().oneshot(call("dig"))))
        .collect();
    let start = tokio::time::Instant::now();
    let mut passed = 0;
    for call in calls {
        passed += u32::from(call.await.unwrap().unwrap().outcome().code().is_none());
    }
    assert_eq!(passed, 2 + 5);
    assert!(
        start.elapsed() <= SECOND * 5 + Duration::from_millis(20),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(layer.handle().stats().rules[0].refused, 43);
}

#[tokio::test(start_paused = true)]
async fn a_million_calls_cancelled_while_they_wait_cost_nothing() {
    let layer = limiter(1, SECOND * 10);
    let counting = Counting::default();
    let mut service = layer.layer(counting.clone());
    service
        .ready()
        .await
        .unwrap()
        .call(call("dig"))
        .await
        .unwrap();
    let request = call("dig");
    for _ in 0..1_000_000 {
        let mut waiting = Task::new(service.call(request.clone()));
        assert!(waiting.poll().is_pending());
    }
    tokio::time::advance(SECOND).await;
    let response = service.call(call("dig")).await.unwrap();
    assert_eq!(response.outcome().code(), None);
    assert!(response.trail().is_empty());
    assert_eq!(counting.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_reserves_nothing_of_the_service() {
    let layer = limiter(1, SECOND * 10);
    let one = tower::limit::ConcurrencyLimitLayer::new(1).layer(Counting::default());
    let mut service = layer.layer(one.clone());
    service
        .ready()
        .await
        .unwrap()
        .call(call("dig"))
        .await
        .unwrap();
    let mut waiting = Task::new(service.ready().await.unwrap().call(call("dig")));
    assert!(waiting.poll().is_pending());
    drop(service);
    // The one place is free for others meanwhile.
    let mut other = one;
    assert!(Task::new(other.ready()).poll().is_ready());
    drop(other);
    tokio::time::advance(SECOND).await;
    assert!(waiting.is_woken());
    assert!(waiting.poll().is_ready());
}
