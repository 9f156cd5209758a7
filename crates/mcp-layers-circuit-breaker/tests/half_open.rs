//! How a circuit closes again.
#![allow(clippy::unwrap_used)]

mod common;

use common::{SECOND, call, count, failure, layer, open, send, state};
use futures::future::join_all;
use mcp_layers_circuit_breaker::State;
use mcp_layers_core::{Event, McpError, McpResponse};
use mcp_layers_test::{Answer, Gate, MockService, Task};
use tower::{Layer, Service, ServiceExt};

#[tokio::test]
async fn b8_a_success_closes_it_and_old_failures_do_not_open_it_again() {
    let (layer, clock) = layer();
    let mock = MockService::new();
    open(&layer, &mock, "dig").await;
    clock.advance(30 * SECOND);
    mock.push(Answer::plausible());
    let response = layer
        .layer(mock.clone())
        .oneshot(call("dig"))
        .await
        .unwrap();
    let changed = |event: &Event| match event {
        Event::CircuitChanged { state, .. } => state.as_str(),
        other => panic!("{other:?}"),
    };
    let states: Vec<_> = response.trail().events().map(changed).collect();
    assert_eq!(states, ["half_open", "closed"]);
    // The five failures are forgotten: four more are too few.
    for _ in 0..4 {
        send(&layer, &mock, call("dig"), failure()).await;
        assert_eq!(state(&layer.handle(), "dig"), Some(State::Closed));
    }
    send(&layer, &mock, call("dig"), failure()).await;
    assert_eq!(state(&layer.handle(), "dig"), Some(State::Open));
}

#[tokio::test]
async fn a_failure_opens_it_for_as_long_again() {
    let (layer, clock) = layer();
    let mock = MockService::new();
    open(&layer, &mock, "dig").await;
    clock.advance(30 * SECOND);
    assert_eq!(
        send(&layer, &mock, call("dig"), failure()).await,
        Some(-32603)
    );
    clock.advance(29 * SECOND);
    assert_eq!(send(&layer, &mock, call("dig"), failure()).await, Some(503));
    clock.advance(SECOND);
    assert_eq!(
        send(&layer, &mock, call("dig"), Answer::plausible()).await,
        None
    );
    assert_eq!(state(&layer.handle(), "dig"), Some(State::Closed));
}

#[tokio::test]
async fn late_answers_of_the_time_before_change_nothing() {
    let (layer, clock) = layer();
    let mock = MockService::new();
    let gate = Gate::closed();
    mock.push(failure().behind(&gate));
    let mut service = layer.clone().known_tools(["dig"]).clock(clock.clone());
    service = service.known_tools(["late"]);
    let mut before = Task::new(service.layer(mock.clone()).call(call("dig")));
    assert!(before.poll().is_pending());
    open(&service, &mock, "dig").await;
    clock.advance(30 * SECOND);
    assert_eq!(
        send(&service, &mock, call("dig"), Answer::plausible()).await,
        None
    );
    gate.open();
    assert!(before.poll().is_ready());
    let status = service.handle().circuit("tools/call dig").unwrap();
    assert_eq!((status.state, status.counts.failures), (State::Closed, 0));
}

#[tokio::test]
async fn b9_a_thousand_calls_at_half_open_are_exactly_n_probes() {
    for probes in [1, 3] {
        let (layer, clock) = layer();
        let layer = layer.probes(count(probes));
        let mock = MockService::new();
        open(&layer, &mock, "dig").await;
        clock.advance(30 * SECOND);
        let gate = Gate::closed();
        (0..1_000).for_each(|_| mock.push(Answer::plausible().behind(&gate)));
        let before = mock.calls();
        let calls = (0..1_000).map(|_| layer.layer(mock.clone()).oneshot(call("dig")));
        let mut all = Task::new(join_all(calls));
        assert!(all.poll().is_pending());
        assert_eq!(mock.calls() - before, probes as usize);
        gate.open();
        let std::task::Poll::Ready(answers) = all.poll() else {
            panic!("all answer");
        };
        let refused = |answer: &&Result<_, _>| match answer {
            Ok(response) => {
                let response: &mcp_layers_core::JsonRpcResponse = response;
                response.outcome().code() == Some(503)
            }
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(
            answers.iter().filter(refused).count(),
            1_000 - probes as usize
        );
    }
}

#[tokio::test]
async fn b7_a_probe_that_hangs_loses_its_lease_and_another_may_probe() {
    let (layer, clock) = layer();
    let layer = layer.probe_lease(10 * SECOND);
    let mock = MockService::new();
    open(&layer, &mock, "dig").await;
    clock.advance(30 * SECOND);
    let gate = Gate::closed();
    mock.push(failure().behind(&gate));
    let mut hung = Task::new(layer.layer(mock.clone()).oneshot(call("dig")));
    assert!(hung.poll().is_pending());
    clock.advance(9 * SECOND);
    assert_eq!(
        send(&layer, &mock, call("dig"), Answer::plausible()).await,
        Some(503)
    );
    clock.advance(SECOND);
    assert_eq!(
        send(&layer, &mock, call("dig"), Answer::plausible()).await,
        None
    );
    assert_eq!(state(&layer.handle(), "dig"), Some(State::Closed));
    // What it says in the end is of no interest any more.
    gate.open();
    assert!(hung.poll().is_ready());
    let status = layer.handle().circuit("tools/call dig").unwrap();
    assert_eq!((status.state, status.counts.failures), (State::Closed, 0));
}

#[tokio::test]
async fn b7_a_probe_that_is_cancelled_frees_its_lease_at_once() {
    let (layer, clock) = layer();
    let mock = MockService::new();
    open(&layer, &mock, "dig").await;
    clock.advance(30 * SECOND);
    mock.push(Answer::never());
    let mut dropped = Task::new(layer.layer(mock.clone()).oneshot(call("dig")));
    assert!(dropped.poll().is_pending());
    drop(dropped);
    assert_eq!(state(&layer.handle(), "dig"), Some(State::HalfOpen));
    // So does one that ends with an answer that says nothing.
    let cancelled = Answer::error(McpError::cancelled());
    assert_eq!(send(&layer, &mock, call("dig"), cancelled).await, Some(499));
    assert_eq!(
        send(&layer, &mock, call("dig"), Answer::plausible()).await,
        None
    );
    assert_eq!(state(&layer.handle(), "dig"), Some(State::Closed));
}

#[tokio::test]
async fn b7_a_probe_that_panics_has_failed_and_another_may_probe_after_the_time() {
    for panic in [Answer::panic("no"), Answer::panic_in_call("no")] {
        let (layer, clock) = layer();
        let mock = MockService::new();
        open(&layer, &mock, "dig").await;
        clock.advance(30 * SECOND);
        mock.push(panic);
        let probe = tokio::spawn(layer.layer(mock.clone()).oneshot(call("dig")));
        assert!(probe.await.unwrap_err().is_panic());
        assert_eq!(state(&layer.handle(), "dig"), Some(State::Open));
        clock.advance(30 * SECOND);
        assert_eq!(
            send(&layer, &mock, call("dig"), Answer::plausible()).await,
            None
        );
        assert_eq!(state(&layer.handle(), "dig"), Some(State::Closed));
    }
}
