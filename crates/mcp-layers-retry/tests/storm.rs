//! Everything fails, a thousand times a second. In tokio's paused time.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fmt::Write,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{call, failure};
use mcp_layers_retry::{Budget, RetryLayer};
use mcp_layers_test::MockService;
use tower::{Layer, ServiceExt};

const CALLS_A_SECOND: usize = 1_000;
const SECONDS: usize = 60;

/// Everything fails from the 20th to the 40th second; the attempts that come, for each second.
async fn storm(budget: Budget) -> Vec<usize> {
    let started = tokio::time::Instant::now();
    let attempts = Arc::new(Mutex::new(vec![0_usize; SECONDS + 60]));
    let seen = Arc::clone(&attempts);
    let mock = MockService::answering(move |_| {
        let second = started.elapsed().as_secs();
        seen.lock().unwrap()[usize::try_from(second).unwrap()] += 1;
        if (20..40).contains(&second) {
            failure()
        } else {
            mcp_layers_test::Answer::plausible()
        }
    });
    let layer = RetryLayer::new(NonZeroU32::new(4).unwrap())
        .repeatable_tools(["safe"])
        .unwrap()
        .budget(budget);
    let service = layer.layer(mock);
    let mut calls = tokio::task::JoinSet::new();
    let pace = Duration::from_secs(1) / u32::try_from(CALLS_A_SECOND).unwrap();
    for _ in 0..CALLS_A_SECOND * SECONDS {
        tokio::time::sleep(pace).await;
        calls.spawn(service.clone().oneshot(call("safe")));
    }
    calls.join_all().await;
    let attempts = attempts.lock().unwrap();
    attempts[..SECONDS].to_vec()
}

#[tokio::test(start_paused = true)]
async fn retries_stay_within_the_budget_while_everything_fails() {
    let (percent, floor) = (20, 10);
    let with = storm(Budget::new(percent, floor).unwrap()).await;
    let without = storm(Budget::new(1_000, 1_000_000).unwrap()).await;

    // A fifth of the calls, the floor, and what was saved before: ten seconds of the floor.
    let calls = CALLS_A_SECOND;
    let allowed = calls / 5 + floor as usize;
    let failing = &with[20..40];
    let total: usize = failing.iter().sum();
    let most = 20 * (calls + allowed) + 10 * floor as usize;
    assert!(total <= most + 20, "{total} > {most}");
    assert!(
        failing[1..]
            .iter()
            .all(|seen| *seen <= calls + allowed + 100),
        "{failing:?}"
    );
    // It is used: a budget that allows nothing would pass all of the above.
    assert!(total >= 20 * (calls + allowed) * 95 / 100, "{total}");
    // Without a budget the load is four times what callers ask for.
    assert!(
        without[25..39].iter().all(|seen| *seen > 3 * calls),
        "{without:?}"
    );

    if let Some(file) = std::env::var_os("STORM_CSV") {
        let mut table = "second,calls,with_budget,without_budget\n".to_owned();
        for (second, (with, without)) in with.iter().zip(&without).enumerate() {
            writeln!(table, "{second},{calls},{with},{without}").unwrap();
        }
        std::fs::write(file, table).unwrap();
    }
}
