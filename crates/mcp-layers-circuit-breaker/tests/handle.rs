//! The handle: statuses, modes, numbers.
#![allow(clippy::unwrap_used)]

mod common;

use common::{SECOND, call, failure, layer, open, send};
use mcp_layers_circuit_breaker::{CircuitState, Mode};
use mcp_layers_test::{Answer, MockService, requests};

#[tokio::test]
async fn the_states_are_readable() {
    let (layer, clock) = layer();
    let handle = layer.handle();
    assert!(handle.all_closed() && handle.circuits().is_empty());
    let mock = MockService::new();
    open(&layer, &mock, "fail").await;
    send(&layer, &mock, call("echo"), Answer::plausible()).await;
    send(&layer, &mock, requests::list_tools(1), Answer::plausible()).await;
    clock.advance(SECOND);
    assert!(!handle.all_closed());
    let seen: Vec<_> = handle
        .circuits()
        .into_iter()
        .map(|status| {
            (
                status.circuit,
                status.state,
                status.counts.failures,
                status.retry_after,
            )
        })
        .collect();
    let expected = [
        ("tools/call echo".into(), CircuitState::Closed, 0, None),
        (
            "tools/call fail".into(),
            CircuitState::Open,
            5,
            Some(29 * SECOND),
        ),
        ("tools/list".into(), CircuitState::Closed, 0, None),
    ];
    assert_eq!(seen, expected);
    assert_eq!(handle.circuit("tools/call nope"), None);
    assert_eq!(handle.circuit("no/such"), None);
}

#[tokio::test]
async fn forced_open_refuses_whatever_happens() {
    let (layer, clock) = layer();
    let mock = MockService::new();
    let handle = layer.handle();
    assert!(handle.set_mode("tools/call dig", Mode::ForcedOpen));
    for _ in 0..3 {
        assert_eq!(
            send(&layer, &mock, call("dig"), Answer::plausible()).await,
            Some(503)
        );
        clock.advance(60 * SECOND);
    }
    assert!(handle.set_mode("tools/call dig", Mode::Automatic));
    assert_eq!(
        send(&layer, &mock, call("dig"), Answer::plausible()).await,
        None
    );
    assert!(!handle.set_mode("no/such", Mode::ForcedOpen));
}

#[tokio::test]
async fn forced_closed_counts_and_disabled_does_not() {
    for (mode, counted) in [(Mode::ForcedClosed, 100), (Mode::Disabled, 0)] {
        let (layer, _) = layer();
        let window = mcp_layers_circuit_breaker::Window::Calls(common::count(200));
        let layer = layer.window(window);
        let mock = MockService::new();
        let handle = layer.handle();
        assert!(handle.set_mode("tools/call dig", mode));
        for _ in 0..100 {
            assert_eq!(
                send(&layer, &mock, call("dig"), failure()).await,
                Some(-32603)
            );
        }
        let status = handle.circuit("tools/call dig").unwrap();
        assert_eq!((status.state, status.mode), (CircuitState::Closed, mode));
        assert_eq!(status.counts.failures, counted);
    }
}

#[tokio::test]
async fn forcing_and_resetting_an_open_circuit() {
    let (layer, _) = layer();
    let mock = MockService::new();
    let handle = layer.handle();
    open(&layer, &mock, "dig").await;
    handle.set_mode("tools/call dig", Mode::ForcedClosed);
    assert_eq!(
        send(&layer, &mock, call("dig"), failure()).await,
        Some(-32603)
    );
    handle.set_mode("tools/call dig", Mode::Automatic);
    assert_eq!(
        send(&layer, &mock, call("dig"), Answer::plausible()).await,
        Some(503)
    );
    assert!(handle.reset("tools/call dig"));
    assert_eq!(
        send(&layer, &mock, call("dig"), Answer::plausible()).await,
        None
    );
    assert!(!handle.reset("tools/call nope"));
}

#[tokio::test]
async fn clones_setters_and_handles_share_the_circuits() {
    let (layer, _) = layer();
    let mock = MockService::new();
    let handle = layer.handle();
    open(&layer, &mock, "dig").await;
    let again = layer.clone().open_for(SECOND);
    assert_eq!(
        send(&again, &mock, call("dig"), Answer::plausible()).await,
        Some(503)
    );
    assert_eq!(handle.stats(), again.handle().stats());
}

#[tokio::test]
async fn changes_and_refusals_are_counted() {
    let (layer, clock) = layer();
    let mock = MockService::new();
    let handle = layer.handle();
    open(&layer, &mock, "dig").await;
    send(&layer, &mock, call("dig"), Answer::plausible()).await;
    let stats = handle.stats();
    assert_eq!((stats.opened, stats.refused, stats.closed), (1, 1, 0));
    assert_eq!((stats.circuits, stats.not_closed), (1, 1));
    clock.advance(30 * SECOND);
    send(&layer, &mock, call("dig"), Answer::plausible()).await;
    let stats = handle.stats();
    assert_eq!((stats.opened, stats.half_opened, stats.closed), (1, 1, 1));
    assert_eq!((stats.not_closed, stats.opened_for_principal), (0, 0));
}

#[tokio::test]
async fn a_tool_is_never_taken_for_a_method() {
    let (layer, _) = layer();
    let handle = layer.handle();
    let names = [
        "_OTHER",
        "resources/read",
        "tools/call a b",
        "tools/call dig",
        "tools/call resources/read",
        "upstream",
    ];
    for name in names {
        assert!(handle.set_mode(name, Mode::ForcedOpen), "{name}");
    }
    let seen: Vec<_> = handle
        .circuits()
        .into_iter()
        .map(|status| status.circuit)
        .collect();
    assert_eq!(seen, names);
    for name in ["no/such", ""] {
        assert!(!handle.set_mode(name, Mode::ForcedOpen), "{name}");
    }
    let long = format!("tools/call {}", "x".repeat(129));
    assert!(!handle.set_mode(&long, Mode::ForcedOpen));
}

#[test]
fn threads_that_race_for_a_name_get_one_circuit() {
    let (layer, _) = layer();
    let handle = layer.max_circuits(64).unwrap().handle();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let handle = handle.clone();
            scope.spawn(move || {
                for number in 0..1_000 {
                    let name = format!("tools/call {}", (number + thread) % 64);
                    assert!(handle.set_mode(&name, Mode::Disabled));
                }
            });
        }
    });
    let circuits = handle.circuits();
    assert_eq!(circuits.len(), 64);
    assert!(circuits.iter().all(|status| status.mode == Mode::Disabled));
    assert!(!handle.set_mode("tools/call more", Mode::Disabled));
}
