//! A dropped future leaves nothing behind, except the effects of the inner service.

use std::task::Poll;

use mcp_layers_core::Method;
use tower_layer::Layer;

use super::{
    Contract, LayeredService, Rule,
    bench::{Bench, Checked, answer, ask, call, make_ready, poll, settled, start},
    readiness::expect_answer,
};
use crate::{Answer, Gate, MockService, ReadinessProbe, requests};

/// The largest number of times for which the inner future is pending. The layer's future is polled once
/// more, so that it is also dropped while it waits for something of its own.
const POLLS: usize = 3;

/// The methods whose futures are dropped: layers treat them differently.
const METHODS: [Method<'static>; 5] = [
    Method::CallTool,
    Method::ListTools,
    Method::ReadResource,
    Method::Listen,
    Method::Other("vendor/thing"),
];

/// The layer's future is dropped after each number of polls, none included, over an inner future
/// that is pending for each number of polls, and over one that never answers.
pub(super) async fn at_every_await_point<F, L>(contract: &Contract<F>) -> Checked
where
    F: Fn() -> L,
    L: Layer<ReadinessProbe<MockService>, Service: LayeredService>,
{
    for method in METHODS {
        let mut bench = contract.bench(&MockService::new());
        for pending in 0..=POLLS {
            for polls in 0..=POLLS + 1 {
                let inner = Answer::plausible().after_polls(pending);
                let name = format!("`{method}`, the inner future pending {pending} times");
                drop_after(contract, &mut bench, inner, method, polls, &name).await?;
            }
            is_woken(contract, &mut bench, pending).await?;
        }
        let name = format!("`{method}`, the inner future pending for ever");
        drop_after(contract, &mut bench, Answer::never(), method, POLLS, &name).await?;
    }
    Ok(())
}

async fn drop_after<F, S: LayeredService>(
    contract: &Contract<F>,
    bench: &mut Bench<S>,
    inner: Answer,
    method: Method<'_>,
    polls: usize,
    name: &str,
) -> Checked {
    let rule = Rule::DropIsCancellation;
    let request = contract.prepared(requests::of(1, method));
    let calls = bench.mock.calls();
    bench.mock.push(inner);
    let started = start(&mut bench.service, request).await;
    let mut task = started.map_err(|end| bench.blame(rule, format!("{name}: {end}")))?;
    for _ in 0..polls {
        match poll(&mut task) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(_)) => break,
            Err(end) => return Err(bench.blame(rule, format!("{name}: {end}"))),
        }
    }
    drop(task);
    // A layer that calls inside its future, which was not polled, left the answer in the script.
    if bench.mock.calls() == calls {
        bench.mock.clear();
    }
    let when = format!("{name}, dropped after {polls} polls");
    bench.all_let_go(&when).await?;
    works(contract, bench, &when).await
}

/// Calls on a clone and on the service itself still work.
async fn works<F, S: LayeredService>(
    contract: &Contract<F>,
    bench: &mut Bench<S>,
    when: &str,
) -> Checked {
    let rule = Rule::DropIsCancellation;
    let end = ask(&mut bench.service.clone(), contract.request()).await;
    expect_answer(bench, rule, end).map_err(|violation| violation.after(when))?;
    let end = ask(&mut bench.service, contract.request()).await;
    expect_answer(bench, rule, end).map_err(|violation| violation.after(when))
}

/// A future that is not dropped is woken, and finishes.
async fn is_woken<F, S: LayeredService>(
    contract: &Contract<F>,
    bench: &mut Bench<S>,
    pending: usize,
) -> Checked {
    let rule = Rule::PendingIsWoken;
    let gate = Gate::closed();
    bench
        .mock
        .push(Answer::plausible().after_polls(pending).behind(&gate));
    let started = start(&mut bench.service, contract.request()).await;
    let mut task = started.map_err(|end| bench.blame(rule, end.to_string()))?;
    for _ in 0..=pending {
        match poll(&mut task) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(_)) => {
                return Err(bench.blame(rule, "it answered before the inner service did"));
            }
            Err(end) => return Err(bench.blame(rule, end.to_string())),
        }
    }
    gate.open();
    if !settled(|| task.is_woken()).await {
        return Err(bench.blame(
            rule,
            "the inner service can answer, and nothing wakes the future",
        ));
    }
    expect_answer(bench, rule, answer(&mut task).await)?;
    drop(task);
    bench.all_let_go("after a call that was pending").await
}

/// The inner service stops being ready between the layer's readiness and its call: a layer that
/// makes an instance ready inside its future waits there, and is dropped there.
pub(super) async fn while_waiting_for_readiness<F, L>(contract: &Contract<F>) -> Checked
where
    F: Fn() -> L,
    L: Layer<ReadinessProbe<MockService>, Service: LayeredService>,
{
    let rule = Rule::DropIsCancellation;
    let mut bench = contract.bench(&MockService::new());
    for polls in 0..=POLLS {
        let ready = make_ready(&mut bench.service).await;
        ready.map_err(|end| bench.blame(rule, end.to_string()))?;
        bench.readiness.hold();
        let called = call(&mut bench.service, contract.request());
        let mut task = called.map_err(|end| bench.blame(rule, end.to_string()))?;
        for _ in 0..polls {
            match poll(&mut task) {
                Ok(Poll::Pending) => {}
                Ok(Poll::Ready(_)) => break,
                Err(end) => return Err(bench.blame(rule, end.to_string())),
            }
        }
        drop(task);
        bench.readiness.release();
        let when = format!("dropped after {polls} polls while the inner service was not ready");
        bench.all_let_go(&when).await?;
        works(contract, &mut bench, &when).await?;
    }
    Ok(())
}
