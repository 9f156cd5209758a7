//! Waits between attempts, in tokio's paused time.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use common::{SECOND, call, code, failure, gave_up, retry, send, took};
use futures::future::join_all;
use mcp_layers_core::{Event, McpError, McpRequest, McpResponse, Outcome};
use mcp_layers_retry::Backoff;
use mcp_layers_test::{Answer, MockService};
use serde_json::{Value, json};

fn backoff(base: Duration, max: Duration) -> Backoff {
    Backoff { base, max }
}

fn about(took: Duration, expected: Duration) -> bool {
    // Tokio's timers go by whole milliseconds.
    took >= expected && took < expected + Duration::from_millis(20)
}

#[tokio::test(start_paused = true)]
async fn the_longest_wait_doubles() {
    let layer = retry(4)
        .backoff(backoff(SECOND, 3 * SECOND))
        .rng(|| u64::MAX);
    let mock = MockService::answering(|_| failure());
    let (time, _) = took(send(&layer, &mock, call("safe"))).await;
    assert!(about(time, (1 + 2 + 3) * SECOND), "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_clients_that_fail_together_come_back_spread() {
    let layer = retry(2).backoff(backoff(SECOND, SECOND));
    let returned = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = Arc::clone(&returned);
    let started = tokio::time::Instant::now();
    let mock = MockService::answering(move |_| {
        told.lock().unwrap().push(started.elapsed().as_millis());
        failure()
    });
    join_all((0..100).map(|_| send(&layer, &mock, call("safe")))).await;
    let returned = returned.lock().unwrap();
    let retries = &returned[100..];
    assert_eq!(
        (returned[..100].iter().max(), retries.len()),
        (Some(&0), 100)
    );
    // Each tenth of the second has its share: of 100 uniform ones, none is empty but by a chance of
    // 1 in 3,700, so that three empty ones are a defect.
    let tenth = |tenth: u128| retries.iter().filter(|at| *at / 100 == tenth).count();
    let counts: Vec<_> = (0..10).map(tenth).collect();
    assert!(
        counts.iter().filter(|count| **count == 0).count() < 3,
        "{counts:?}"
    );
    assert!(counts.iter().all(|count| *count <= 35), "{counts:?}");
}

async fn wait_for(data: Value) -> Duration {
    let layer = retry(2).max_retry_after(5 * SECOND).rng(|| 0);
    let mock = MockService::new();
    mock.push(Answer::error(McpError::new(503, "later").with_data(data)));
    let (time, response) = took(send(&layer, &mock, call("safe"))).await;
    assert_eq!(
        (response.unwrap().outcome(), mock.calls()),
        (Outcome::Success, 2)
    );
    time
}

#[tokio::test(start_paused = true)]
async fn hints_are_honoured_and_garbage_is_ignored() {
    for (data, expected) in [
        (
            json!({ "retryAfterMs": 1_500 }),
            Duration::from_millis(1_500),
        ),
        (json!({ "retryAfter": 2 }), 2 * SECOND),
        (json!({ "retry_after": "3" }), 3 * SECOND),
        (json!({ "retryAfter": 5 }), 5 * SECOND),
        (json!({ "retryAfterMs": 250 }), Duration::from_millis(250)),
        (json!({ "retryAfterMs": 0 }), Duration::ZERO),
        (json!({ "retry_after_ms": 40.5 }), Duration::from_millis(41)),
        (json!({ "retryAfterMs": " 40 " }), Duration::from_millis(40)),
        (
            json!({ "retryAfterMs": 250, "retryAfter": 9 }),
            Duration::from_millis(250),
        ),
        (
            json!({ "retryAfterMs": "soon", "retryAfter": 2 }),
            2 * SECOND,
        ),
        (json!({ "retryAfterMs": "NaN" }), Duration::ZERO),
        (json!({ "retryAfterMs": "inf" }), Duration::ZERO),
        (json!({ "retryAfterMs": null }), Duration::ZERO),
        (json!({ "retryAfterMs": [1] }), Duration::ZERO),
        (
            json!({ "retryAfter": "Wed, 21 Oct 2026 07:28:00 GMT" }),
            Duration::ZERO,
        ),
        (json!([250]), Duration::ZERO),
        (json!({ "retryAfterMs": -5 }), Duration::ZERO),
        (json!({ "retryAfterMs": "soon" }), Duration::ZERO),
        (json!("3"), Duration::ZERO),
        (Value::Null, Duration::ZERO),
    ] {
        let time = wait_for(data.clone()).await;
        assert!(about(time, expected), "{data}: {time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_asks_for_too_long_a_wait_is_returned_at_once_and_unchanged() {
    let layer = retry(3).max_retry_after(5 * SECOND);
    for data in [
        json!({ "retryAfterMs": 5_001 }),
        json!({ "retryAfterMs": 3_600_000, "other": [1] }),
        json!({ "retryAfterMs": u64::MAX }),
        json!({ "retryAfterMs": 1e300 }),
        json!({ "retryAfter": 1e300 }),
        json!({ "retry_after": "6" }),
    ] {
        let error = McpError::new(503, "later").with_data(data);
        let mock = MockService::new();
        mock.push(Answer::error(error.clone()));
        let (time, response) = took(send(&layer, &mock, call("safe"))).await;
        let response = response.unwrap();
        assert_eq!(
            (time, mock.calls(), gave_up(&response)),
            (Duration::ZERO, 1, Some("retry_after"))
        );
        assert_eq!(response.into_error().unwrap(), error);
    }
    assert_eq!(layer.handle().stats().out_of_time, 6);
}

#[tokio::test(start_paused = true)]
async fn no_attempt_is_made_before_the_time_that_an_answer_asks_for() {
    for jitter in [0, 1, u64::MAX] {
        let layer = retry(4)
            .backoff(backoff(SECOND, 3 * SECOND))
            .max_retry_after(5 * SECOND)
            .rng(move || jitter);
        let started = tokio::time::Instant::now();
        let attempts = Arc::new(std::sync::Mutex::new(Vec::new()));
        let noted = Arc::clone(&attempts);
        let mock = MockService::answering(move |_| {
            let mut attempts = noted.lock().unwrap();
            attempts.push(started.elapsed());
            // The third answer asks for a longer wait than allowed.
            let asked = [5_000, 1_500, 5_001][attempts.len() - 1];
            Answer::error(McpError::new(503, "later").with("retryAfterMs", asked))
        });
        send(&layer, &mock, call("safe")).await.unwrap();
        let attempts = attempts.lock().unwrap().clone();
        assert_eq!(attempts.len(), 3);
        assert!(attempts[1] >= 5 * SECOND, "{attempts:?}");
        assert!(
            attempts[2] >= attempts[1] + Duration::from_millis(1_500),
            "{attempts:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_attempt_is_made_that_the_deadline_would_cut() {
    let layer = retry(10)
        .backoff(backoff(2 * SECOND, 2 * SECOND))
        .rng(|| u64::MAX);
    let mock = MockService::answering(|_| failure());
    let own = layer.clone().deadline(5 * SECOND);
    let (time, response) = took(send(&own, &mock, call("safe"))).await;
    assert_eq!(
        (mock.calls(), gave_up(&response.unwrap())),
        (3, Some("deadline"))
    );
    assert!(about(time, 4 * SECOND), "{time:?}");

    // A deadline that was there already, such as one of an outer timeout layer.
    let mock = MockService::answering(|_| failure());
    let mut request = call("safe");
    let now = tokio::time::Instant::now().into_std();
    request.context_mut().limit_deadline(now + SECOND);
    let (time, response) = took(send(&layer, &mock, request)).await;
    assert_eq!(
        (mock.calls(), gave_up(&response.unwrap())),
        (1, Some("deadline"))
    );
    assert!(about(time, Duration::ZERO), "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_passed_inward_and_ends_the_attempt_that_runs() {
    let layer = retry(3).deadline(5 * SECOND);
    let mock = MockService::answering(|_| Answer::never());
    let started = tokio::time::Instant::now().into_std();
    let (time, response) = took(send(&layer, &mock, call("safe"))).await;
    let response = response.unwrap();
    assert!(about(time, 5 * SECOND), "{time:?}");
    assert_eq!(response.outcome().code(), Some(504));
    assert_eq!((mock.calls(), mock.in_flight(), mock.dropped()), (1, 0, 1));
    let deadline = mock.last_request().unwrap().context().deadline();
    assert_eq!(deadline, Some(started + 5 * SECOND));
    assert!(matches!(
        response.trail().events().next(),
        Some(Event::TimedOut { after }) if *after == 5 * SECOND
    ));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_followed_by_another() {
    let layer = retry(2).attempt_timeout(2 * SECOND).rng(|| 0);
    let mock = MockService::new();
    mock.push(Answer::never());
    let (time, response) = took(send(&layer, &mock, call("safe"))).await;
    assert_eq!(response.unwrap().outcome(), Outcome::Success);
    assert!(about(time, 2 * SECOND), "{time:?}");
    assert_eq!((mock.calls(), mock.in_flight()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_cancels_ends_the_wait_and_the_attempts() {
    let layer = retry(10)
        .backoff(backoff(60 * SECOND, 60 * SECOND))
        .rng(|| u64::MAX);
    let mock = MockService::answering(|_| failure());
    let request = call("safe");
    let token = request.cancellation().clone();
    tokio::spawn(async move {
        tokio::time::sleep(SECOND).await;
        token.cancel();
    });
    let (time, response) = took(send(&layer, &mock, request)).await;
    assert!(about(time, SECOND), "{time:?}");
    assert_eq!(
        (mock.calls(), gave_up(&response.unwrap())),
        (1, Some("cancelled"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_dropped_in_its_wait_leaves_nothing() {
    let layer = retry(10).backoff(backoff(60 * SECOND, 60 * SECOND));
    let mock = MockService::answering(|_| failure());
    let running = send(&layer, &mock, call("safe"));
    assert!(
        tokio::time::timeout(Duration::from_nanos(1), running)
            .await
            .is_err()
    );
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!((mock.calls(), mock.in_flight()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_jitter_is_asked_once_a_retry() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let layer = retry(4).rng(move || count.fetch_add(1, Relaxed));
    send(&layer, &MockService::answering(|_| code(503)), call("safe"))
        .await
        .unwrap();
    send(&layer, &MockService::new(), call("safe"))
        .await
        .unwrap();
    assert_eq!(asked.load(Relaxed), 3);
}
