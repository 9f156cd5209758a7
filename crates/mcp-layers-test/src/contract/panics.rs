//! A panic of the inner service ends one call.

use tower_layer::Layer;

use super::{
    Contract, LayeredService, Rule,
    bench::{Checked, End, ask},
    readiness::expect_answer,
};
use crate::{Answer, MockService, ReadinessProbe, requests};

/// The inner service panics in `call`, at the first poll and at a later one; calls on a clone that
/// was made before, on a new clone and on the service itself still work.
pub(super) async fn poison_nothing<F, L>(contract: &Contract<F>) -> Checked
where
    F: Fn() -> L,
    L: Layer<ReadinessProbe<MockService>, Service: LayeredService>,
{
    let rule = Rule::PanicsPoisonNothing;
    let panics = [
        ("in `call`", Answer::panic_in_call("contract: in call")),
        ("while polled", Answer::panic("contract: while polled")),
        (
            "while polled again",
            Answer::panic("contract: while polled again").after_polls(1),
        ),
    ];
    for (place, answer) in panics {
        for request in [
            contract.request(),
            contract.prepared(requests::list_tools(1)),
        ] {
            let mut bench = contract.bench(&MockService::new());
            let mut earlier = bench.service.clone();
            bench.mock.push(answer.clone());
            match ask(&mut bench.service, request).await {
                End::Panicked(_) | End::Failed(_) | End::Answered(_) => {}
                End::Asleep => {
                    let detail = format!("after a panic {place}: {}", End::Asleep);
                    return Err(bench.blame(Rule::PendingIsWoken, detail));
                }
            }
            let when = format!("the inner service panicked {place}");
            bench.all_let_go(&when).await?;
            let mut later = bench.service.clone();
            let ends = [
                ask(&mut earlier, contract.request()).await,
                ask(&mut later, contract.request()).await,
                ask(&mut bench.service, contract.request()).await,
            ];
            for end in ends {
                expect_answer(&bench, rule, end).map_err(|violation| violation.after(&when))?;
            }
            bench.all_let_go("after later calls").await?;
        }
    }
    Ok(())
}
