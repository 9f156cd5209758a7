//! Readiness: forwarded, failing, kept apart.

use std::{future::poll_fn, task::Poll};

use mcp_layers_core::McpResponse;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Contract, LayeredService, Rule,
    bench::{Bench, Checked, End, answer, ask, call, finish, make_ready, poll, settled, start},
};
use crate::{Answer, MockError, MockService, ReadinessProbe, Task};

/// Pending while the inner service is; woken and ready when it is.
pub(super) async fn is_forwarded<F, L>(contract: &Contract<F>) -> Checked
where
    F: Fn() -> L,
    L: Layer<ReadinessProbe<MockService>, Service: LayeredService>,
{
    let rule = Rule::ReadinessIsForwarded;
    let mut bench = contract.bench(&MockService::new());
    bench.readiness.hold();
    let readiness = bench.readiness.clone();
    let mut ready = Task::new(poll_fn(|cx| bench.service.poll_ready(cx)));
    let was_ready = match poll(&mut ready) {
        Err(end) => return Err(rule.broken(format!("in `poll_ready`: {end}"))),
        Ok(Poll::Ready(Err(error))) => {
            let end = End::Failed(error.into());
            return Err(rule.broken(format!("while the inner service was pending: {end}")));
        }
        Ok(Poll::Ready(Ok(()))) if !contract.options.waits_in_call => {
            return Err(rule.broken("the layer was ready while the inner service was not"));
        }
        Ok(Poll::Ready(Ok(()))) => true,
        Ok(Poll::Pending) => false,
    };
    if !was_ready {
        readiness.release();
        if !settled(|| ready.is_woken()).await {
            return Err(rule.broken(
                "the inner service became ready, but the task that polled the layer was not woken",
            ));
        }
        match finish(&mut ready).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let end = End::Failed(error.into());
                return Err(rule.broken(format!("once the inner service was ready: {end}")));
            }
            Err(end) => {
                return Err(rule.broken(format!("once the inner service was ready: {end}")));
            }
        }
    }
    drop(ready);
    let mut task = call(&mut bench.service, contract.request())
        .map_err(|end| bench.blame(rule, format!("in `call`: {end}")))?;
    if was_ready {
        match poll(&mut task) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(_)) => {
                return Err(bench.blame(rule, "it answered while the inner service was not ready"));
            }
            Err(end) => return Err(bench.blame(rule, end.to_string())),
        }
        readiness.release();
        if !settled(|| task.is_woken()).await {
            return Err(rule.broken("the inner service became ready, but the future was not woken"));
        }
    }
    expect_answer(&bench, rule, answer(&mut task).await)?;
    drop(task);
    bench.all_let_go("after a call").await
}

/// An error of `poll_ready` and one of the future are seen outside.
pub(super) async fn errors_surface<F, L>(contract: &Contract<F>) -> Checked
where
    F: Fn() -> L,
    L: Layer<ReadinessProbe<MockService>, Service: LayeredService>,
{
    let mut bench = contract.bench(&MockService::new());
    bench.readiness.fail_next(MockError::new("not ready"));
    let end = ask(&mut bench.service, contract.request()).await;
    is_error(
        contract,
        &bench,
        "the inner service failed in `poll_ready`",
        end,
    )?;

    let mut bench = contract.bench(&MockService::answering(|_| Answer::fail("broken")));
    let end = ask(&mut bench.service, contract.request()).await;
    is_error(contract, &bench, "the inner future failed", end)?;
    bench.all_let_go("after a failed call").await
}

/// Several instances and several calls, one after another and interleaved.
pub(super) async fn clones_are_independent<F, L>(contract: &Contract<F>) -> Checked
where
    F: Fn() -> L,
    L: Layer<ReadinessProbe<MockService>, Service: LayeredService>,
{
    let rule = Rule::ReadiedInstanceIsUsed;
    let mut bench = contract.bench(&MockService::new());
    for _ in 0..3 {
        let end = ask(&mut bench.service, contract.request()).await;
        expect_answer(&bench, rule, end)?;
    }
    bench.all_let_go("after calls one after another").await?;

    // Two calls of one instance that run at the same time; the later one is polled first.
    let first = start(&mut bench.service, contract.request()).await;
    let mut first = started(&bench, first)?;
    let second = start(&mut bench.service, contract.request()).await;
    let mut second = started(&bench, second)?;
    expect_answer(&bench, rule, answer(&mut second).await)?;
    expect_answer(&bench, rule, answer(&mut first).await)?;
    drop((first, second));

    // Two instances are made ready before one is called.
    let (mut one, mut other) = (bench.service.clone(), bench.service.clone());
    started(&bench, make_ready(&mut one).await)?;
    started(&bench, make_ready(&mut other).await)?;
    started(&bench, make_ready(&mut other).await)?;
    let late = one.clone();
    let mut second = started(&bench, call(&mut other, contract.request()))?;
    let mut first = started(&bench, call(&mut one, contract.request()))?;
    drop((one, other));
    expect_answer(&bench, rule, answer(&mut first).await)?;
    expect_answer(&bench, rule, answer(&mut second).await)?;
    drop((first, second));

    // A clone of an instance that was ready.
    let mut late = late;
    expect_answer(&bench, rule, ask(&mut late, contract.request()).await)?;

    // An instance that is made ready and never called.
    started(&bench, make_ready(&mut late).await)?;
    drop(late);
    bench.all_let_go("after the services were dropped").await
}

fn started<S: LayeredService, T>(
    bench: &Bench<S>,
    started: Result<T, End>,
) -> Result<T, super::Violation> {
    started.map_err(|end| bench.blame(Rule::ReadiedInstanceIsUsed, end.to_string()))
}

pub(super) fn expect_answer<S: LayeredService>(bench: &Bench<S>, rule: Rule, end: End) -> Checked {
    match end {
        End::Answered(response) if response.outcome().code().is_none() => bench.no_misuse(),
        end => Err(bench.blame(rule, format!("a call should succeed, but {end}"))),
    }
}

fn is_error<F, S: LayeredService>(
    contract: &Contract<F>,
    bench: &Bench<S>,
    when: &str,
    end: End,
) -> Checked {
    let rule = Rule::ErrorsSurface;
    let answers = contract.options.answers_errors;
    match end {
        End::Failed(_) if !answers => bench.no_misuse(),
        End::Answered(response) if answers && response.outcome().code().is_some() => {
            bench.no_misuse()
        }
        end if answers => Err(bench.blame(
            rule,
            format!("{when}; an error response was to be answered, but {end}"),
        )),
        end => Err(bench.blame(
            rule,
            format!("{when}; the layer was to fail too, but {end}"),
        )),
    }
}
