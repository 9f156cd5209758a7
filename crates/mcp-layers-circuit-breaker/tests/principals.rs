//! One principal's failures do not open a circuit for others.
#![allow(clippy::unwrap_used)]

mod common;

use common::{SECOND, call, call_by, count, failure, layer, send};
use mcp_layers_circuit_breaker::{CircuitBreakerLayer, CircuitState, Window};
use mcp_layers_core::Clock;
use mcp_layers_test::{Answer, Gate, MockService, Task};
use tower::{Layer, ServiceExt};

async fn fails(layer: &CircuitBreakerLayer, mock: &MockService, who: &str) -> Option<i32> {
    send(layer, mock, call_by(who, "dig"), failure()).await
}

async fn works(layer: &CircuitBreakerLayer, mock: &MockService, who: &str) -> Option<i32> {
    send(layer, mock, call_by(who, "dig"), Answer::plausible()).await
}

fn state(layer: &CircuitBreakerLayer) -> (CircuitState, usize) {
    let status = layer.handle().circuit("tools/call dig").unwrap();
    (status.state, status.principals)
}

fn windows() -> [(CircuitBreakerLayer, Clock); 2] {
    let (calls, first) = layer();
    let (time, second) = layer();
    let time = time.window(Window::Time(60 * SECOND));
    [(calls, first), (time, second)]
}

#[tokio::test]
async fn failures_of_one_principal_open_it_for_that_principal_alone() {
    for (layer, clock) in windows() {
        let mock = MockService::new();
        assert_eq!(works(&layer, &mock, "ada").await, None);
        for _ in 0..5 {
            assert_eq!(fails(&layer, &mock, "mallory").await, Some(-32603));
        }
        assert_eq!(fails(&layer, &mock, "mallory").await, Some(503));
        assert_eq!(works(&layer, &mock, "ada").await, None);
        assert_eq!(state(&layer), (CircuitState::Closed, 1));
        let stats = layer.handle().stats();
        assert_eq!((stats.opened, stats.opened_for_principal), (0, 1));
        // One accidental failure of another principal does not open it for everybody either.
        assert_eq!(fails(&layer, &mock, "ada").await, Some(-32603));
        assert_eq!(works(&layer, &mock, "bob").await, None);

        clock.advance(30 * SECOND);
        assert_eq!(works(&layer, &mock, "mallory").await, None);
        assert_eq!(state(&layer), (CircuitState::Closed, 0));
        assert_eq!(fails(&layer, &mock, "mallory").await, Some(-32603));
        assert_eq!(works(&layer, &mock, "mallory").await, None);
    }
}

#[tokio::test]
async fn failures_of_two_principals_open_it_for_everybody() {
    for (layer, _) in windows() {
        let mock = MockService::new();
        for who in ["ada", "bob", "ada", "bob"] {
            assert_eq!(fails(&layer, &mock, who).await, Some(-32603));
        }
        assert_eq!(fails(&layer, &mock, "ada").await, Some(-32603));
        assert_eq!(state(&layer), (CircuitState::Open, 0));
        assert_eq!(works(&layer, &mock, "carol").await, Some(503));
    }
}

#[tokio::test]
async fn one_principals_probes_neither_keep_it_open_nor_keep_others_out() {
    let (layer, clock) = layer();
    let mock = MockService::new();
    for who in ["mallory", "ada", "mallory", "ada", "mallory"] {
        fails(&layer, &mock, who).await;
    }
    clock.advance(30 * SECOND);
    // A probe that fails opens it for its principal alone.
    assert_eq!(fails(&layer, &mock, "mallory").await, Some(-32603));
    assert_eq!(state(&layer), (CircuitState::HalfOpen, 1));
    assert_eq!(fails(&layer, &mock, "mallory").await, Some(503));
    // A second one, of another principal, opens it for everybody.
    assert_eq!(fails(&layer, &mock, "ada").await, Some(-32603));
    assert_eq!(state(&layer).0, CircuitState::Open);

    clock.advance(30 * SECOND);
    // A probe that hangs keeps only its own principal out.
    let gate = Gate::closed();
    mock.push(failure().behind(&gate));
    let mut hung = Task::new(layer.layer(mock.clone()).oneshot(call_by("mallory", "dig")));
    assert!(hung.poll().is_pending());
    assert_eq!(works(&layer, &mock, "mallory").await, Some(503));
    assert_eq!(works(&layer, &mock, "ada").await, None);
    assert_eq!(state(&layer).0, CircuitState::Closed);
}

#[tokio::test]
async fn anonymous_callers_count_as_one_principal_once_there_are_principals() {
    let (layer, _) = layer();
    let mock = MockService::new();
    works(&layer, &mock, "ada").await;
    for _ in 0..5 {
        send(&layer, &mock, call("dig"), failure()).await;
    }
    let sent = send(&layer, &mock, call("dig"), Answer::plausible()).await;
    assert_eq!(sent, Some(503));
    assert_eq!(works(&layer, &mock, "ada").await, None);
}

#[tokio::test]
async fn with_one_principal_required_it_opens_for_everybody() {
    let (layer, _) = layer();
    let layer = layer.min_principals(count(1));
    let mock = MockService::new();
    for _ in 0..5 {
        fails(&layer, &mock, "mallory").await;
    }
    assert_eq!(works(&layer, &mock, "ada").await, Some(503));
}
