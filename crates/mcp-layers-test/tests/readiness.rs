//! The readiness probe.

use mcp_layers_core::JsonRpcRequest;
use mcp_layers_test::{
    MockError, MockService, Readiness, ReadinessProbe, ReadinessProbeLayer, Task, requests,
};
use std::{future::poll_fn, task::Poll};
use tower::{Layer, Service, ServiceExt};

type Probe = ReadinessProbe<MockService>;

fn probe() -> (Probe, Readiness) {
    ReadinessProbe::new(MockService::new())
}

fn poll_ready(probe: &mut Probe) -> Poll<Result<(), MockError>> {
    Task::new(poll_fn(|cx| {
        Service::<JsonRpcRequest>::poll_ready(probe, cx)
    }))
    .poll()
}

#[test]
#[should_panic(expected = "`call` on an instance whose `poll_ready` never said ready")]
fn a_clone_of_a_ready_instance_is_not_ready() {
    let (mut probe, _) = probe();
    assert!(poll_ready(&mut probe).is_ready());
    drop(probe.clone().call(requests::list_tools(1)));
}

#[test]
#[should_panic(expected = "a second `call` without `poll_ready` in between")]
fn readiness_serves_one_call() {
    let (mut probe, _) = probe();
    assert!(poll_ready(&mut probe).is_ready());
    drop(probe.call(requests::list_tools(1)));
    drop(probe.call(requests::list_tools(2)));
}

#[test]
fn a_ready_instance_that_is_moved_stays_ready() {
    let (mut probe, readiness) = probe();
    assert!(poll_ready(&mut probe).is_ready());
    let clone = probe.clone();
    let mut ready = std::mem::replace(&mut probe, clone);
    drop(ready.call(requests::list_tools(1)));
    assert_eq!((readiness.used(), readiness.returned()), (1, 0));
    assert!(readiness.misuses().is_empty());
}

#[test]
fn counts_what_is_reserved_used_and_returned() {
    let (mut probe, readiness) = probe();
    let mut other = probe.clone();
    assert!(poll_ready(&mut probe).is_ready() && poll_ready(&mut probe).is_ready());
    assert!(poll_ready(&mut other).is_ready());
    assert_eq!((readiness.reserved(), readiness.outstanding()), (2, 2));
    drop(probe.call(requests::list_tools(1)));
    drop((probe, other));
    assert_eq!((readiness.used(), readiness.returned()), (1, 1));
    assert_eq!(readiness.outstanding(), 0);
}

#[test]
fn a_held_probe_is_pending_until_it_is_released() {
    let (mut probe, readiness) = probe();
    readiness.hold();
    let mut ready = Task::new(poll_fn(|cx| {
        Service::<JsonRpcRequest>::poll_ready(&mut probe, cx)
    }));
    assert!(ready.poll().is_pending() && !ready.is_woken());
    readiness.release();
    assert!(ready.is_woken());
    assert_eq!(ready.poll(), Poll::Ready(Ok(())));
}

#[tokio::test]
async fn fails_once_in_poll_ready() {
    let (probe, readiness) = probe();
    readiness.fail_next(MockError::new("closed"));
    let failed = probe.clone().oneshot(requests::list_tools(1)).await;
    assert_eq!(failed.unwrap_err(), MockError::new("closed"));
    assert!(probe.oneshot(requests::list_tools(2)).await.is_ok());
}

#[tokio::test]
async fn probes_of_one_layer_report_together_over_any_service() {
    let (layer, readiness) = ReadinessProbeLayer::new();
    for _ in 0..2 {
        let double = tower::service_fn(|n: u32| async move { Ok::<_, String>(n * 2) });
        assert_eq!(layer.layer(double).oneshot(2).await, Ok(4));
    }
    assert_eq!(readiness.used(), 2);
}

#[test]
fn remembers_a_misuse_that_a_layer_swallows() {
    let (mut probe, readiness) = probe();
    let call = std::panic::AssertUnwindSafe(|| probe.call(requests::list_tools(1)));
    assert!(std::panic::catch_unwind(call).is_err());
    assert_eq!(readiness.misuses().len(), 1);
}
