//! The behaviour of every store, wherever it keeps its budgets.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use mcp_layers_rate_limit::{Acquire, Cost, Quota, RateLimitStore, Verdict};

/// A store, and control over its time.
pub(crate) trait Bench {
    type Store: RateLimitStore;

    /// The store; always the same budgets.
    fn store(&self) -> Arc<Self::Store>;

    /// Advances the time of the budgets.
    async fn advance(&self, by: Duration);

    /// The time that may pass in addition.
    const SLACK: Duration;
}

/// Much longer than a test takes.
const HOUR: Duration = Duration::from_secs(3_600);

/// Runs every test, each on a new store.
pub(crate) async fn run<B: Bench>(new: impl AsyncFn() -> B) {
    a_burst_passes_and_no_more(&new().await).await;
    the_wait_is_exact(&new().await).await;
    a_budget_comes_back_call_by_call_up_to_the_burst(&new().await).await;
    keys_and_rules_have_budgets_of_their_own(&new().await).await;
    a_call_takes_its_cost_or_nothing(&new().await).await;
    a_cost_above_the_burst_counts_as_the_burst(&new().await).await;
    all_charges_are_taken_or_none(&new().await).await;
    the_longest_wait_of_several_is_reported(&new().await).await;
    a_smaller_quota_holds_at_once_and_keeps_what_is_spent(&new().await).await;
    a_larger_quota_keeps_what_is_spent(&new().await).await;
    the_same_rate_with_a_smaller_burst_recovers_in_time(&new().await).await;
    many_threads_get_exactly_the_burst(&new().await).await;
    many_threads_get_all_of_two_budgets_or_nothing(&new().await).await;
}

async fn a_burst_passes_and_no_more<B: Bench>(bench: &B) {
    for _ in 0..5 {
        assert_eq!(
            ask(bench, &[("a", "ada", hourly(5), 1)]).await,
            Verdict::Admitted
        );
    }
    assert_limited::<B>(ask(bench, &[("a", "ada", hourly(5), 1)]).await, 0, HOUR);
}

async fn the_wait_is_exact<B: Bench>(bench: &B) {
    let charge = [("a", "ada", hourly(3), 1)];
    ask(bench, &[("a", "ada", hourly(3), 3)]).await;
    bench.advance(HOUR / 3).await;
    let Verdict::Limited { retry_after, .. } = ask(bench, &charge).await else {
        panic!("admitted");
    };
    assert!(
        retry_after <= HOUR * 2 / 3 && retry_after + B::SLACK >= HOUR * 2 / 3,
        "{retry_after:?}"
    );
    bench
        .advance(retry_after.saturating_sub(B::SLACK + Duration::from_micros(1)))
        .await;
    assert_ne!(ask(bench, &charge).await, Verdict::Admitted);
    bench.advance(B::SLACK + Duration::from_micros(1)).await;
    assert_eq!(ask(bench, &charge).await, Verdict::Admitted);
    assert_ne!(ask(bench, &charge).await, Verdict::Admitted);
}

async fn a_budget_comes_back_call_by_call_up_to_the_burst<B: Bench>(bench: &B) {
    let charge = [("a", "ada", hourly(2), 1)];
    ask(bench, &[("a", "ada", hourly(2), 2)]).await;
    bench.advance(HOUR).await;
    assert_eq!(ask(bench, &charge).await, Verdict::Admitted);
    assert_limited::<B>(ask(bench, &charge).await, 0, HOUR);
    bench.advance(HOUR * 100).await;
    assert_eq!(
        ask(bench, &[("a", "ada", hourly(2), 2)]).await,
        Verdict::Admitted
    );
    assert_limited::<B>(ask(bench, &charge).await, 0, HOUR);
}

async fn keys_and_rules_have_budgets_of_their_own<B: Bench>(bench: &B) {
    for (rule, key) in [
        ("a", "ada"),
        ("a", "bob"),
        ("b", "ada"),
        ("a", ""),
        ("ab", ""),
    ] {
        let charge = [(rule, key, hourly(1), 1)];
        assert_eq!(ask(bench, &charge).await, Verdict::Admitted, "{rule} {key}");
        assert_ne!(ask(bench, &charge).await, Verdict::Admitted, "{rule} {key}");
    }
}

async fn a_call_takes_its_cost_or_nothing<B: Bench>(bench: &B) {
    let charge = |cost| [("a", "ada", hourly(10), cost)];
    assert_eq!(ask(bench, &charge(7)).await, Verdict::Admitted);
    assert_limited::<B>(ask(bench, &charge(5)).await, 0, HOUR * 2);
    assert_eq!(ask(bench, &charge(3)).await, Verdict::Admitted);
    assert_limited::<B>(ask(bench, &charge(1)).await, 0, HOUR);
}

async fn a_cost_above_the_burst_counts_as_the_burst<B: Bench>(bench: &B) {
    assert_eq!(
        ask(bench, &[("a", "ada", hourly(3), 1_000)]).await,
        Verdict::Admitted
    );
    assert_limited::<B>(
        ask(bench, &[("a", "ada", hourly(3), 1_000)]).await,
        0,
        HOUR * 3,
    );
}

async fn all_charges_are_taken_or_none<B: Bench>(bench: &B) {
    let both = [("all", "", hourly(10), 1), ("tool", "dig", hourly(2), 1)];
    for _ in 0..2 {
        assert_eq!(ask(bench, &both).await, Verdict::Admitted);
    }
    for _ in 0..50 {
        assert_limited::<B>(ask(bench, &both).await, 1, HOUR);
    }
    // The refused calls took nothing of the other budget: eight of ten are left.
    assert_eq!(
        ask(bench, &[("all", "", hourly(10), 8)]).await,
        Verdict::Admitted
    );
    // And the other way round.
    let other = [("all", "", hourly(10), 1), ("tool", "cut", hourly(2), 1)];
    for _ in 0..50 {
        assert_limited::<B>(ask(bench, &other).await, 0, HOUR);
    }
    assert_eq!(
        ask(bench, &[("tool", "cut", hourly(2), 2)]).await,
        Verdict::Admitted
    );
}

async fn the_longest_wait_of_several_is_reported<B: Bench>(bench: &B) {
    let daily = quota(HOUR * 24, 1);
    let all = [
        ("a", "x", hourly(1), 1),
        ("b", "x", daily, 1),
        ("c", "x", hourly(1), 1),
    ];
    assert_eq!(ask(bench, &all).await, Verdict::Admitted);
    assert_limited::<B>(ask(bench, &all).await, 1, HOUR * 24);
}

async fn a_smaller_quota_holds_at_once_and_keeps_what_is_spent<B: Bench>(bench: &B) {
    let large = quota(HOUR / 10, 10);
    for _ in 0..6 {
        ask(bench, &[("a", "ada", large, 1)]).await;
    }
    let small = hourly(2);
    bench.store().quota_changed("a", small);
    // Six are spent, and the smaller burst is two: nothing is left, one comes in an hour.
    assert_limited::<B>(ask(bench, &[("a", "ada", small, 1)]).await, 0, HOUR);
    bench.advance(HOUR).await;
    assert_eq!(
        ask(bench, &[("a", "ada", small, 1)]).await,
        Verdict::Admitted
    );
    assert_limited::<B>(ask(bench, &[("a", "ada", small, 1)]).await, 0, HOUR);
}

async fn a_larger_quota_keeps_what_is_spent<B: Bench>(bench: &B) {
    let small = hourly(4);
    ask(bench, &[("a", "ada", small, 3)]).await;
    let large = quota(HOUR * 2, 10);
    bench.store().quota_changed("a", large);
    assert_eq!(
        ask(bench, &[("a", "ada", large, 7)]).await,
        Verdict::Admitted
    );
    assert_limited::<B>(ask(bench, &[("a", "ada", large, 1)]).await, 0, HOUR * 2);
}

async fn the_same_rate_with_a_smaller_burst_recovers_in_time<B: Bench>(bench: &B) {
    ask(bench, &[("a", "ada", hourly(100), 100)]).await;
    let narrow = hourly(1);
    bench.store().quota_changed("a", narrow);
    assert_limited::<B>(ask(bench, &[("a", "ada", narrow, 1)]).await, 0, HOUR);
    bench.advance(HOUR).await;
    assert_eq!(
        ask(bench, &[("a", "ada", narrow, 1)]).await,
        Verdict::Admitted
    );
}

async fn many_threads_get_exactly_the_burst<B: Bench>(bench: &B) {
    let admitted = many_threads(bench, |_| vec![("a", "ada", hourly(100), 1)]).await;
    assert_eq!(admitted, 100);
}

async fn many_threads_get_all_of_two_budgets_or_nothing<B: Bench>(bench: &B) {
    // One half names the budgets in one order, the other in the other.
    let admitted = many_threads(bench, |thread| {
        let mut both = vec![("a", "ada", hourly(70), 1), ("b", "ada", hourly(50), 1)];
        if thread % 2 == 0 {
            both.reverse();
        }
        both
    });
    assert_eq!(admitted.await, 50);
    assert_eq!(
        ask(bench, &[("a", "ada", hourly(70), 20)]).await,
        Verdict::Admitted
    );
    assert_limited::<B>(ask(bench, &[("a", "ada", hourly(70), 1)]).await, 0, HOUR);
}

/// The number of calls admitted, of 64 threads with 20 calls each.
async fn many_threads<B: Bench>(
    bench: &B,
    charges: impl Fn(usize) -> Vec<Charge> + Send + Copy + 'static,
) -> u32 {
    let admitted = Arc::new(AtomicU32::new(0));
    let runtime = tokio::runtime::Handle::current();
    let threads: Vec<_> = (0..64)
        .map(|thread| {
            let (store, admitted, runtime) = (bench.store(), admitted.clone(), runtime.clone());
            std::thread::spawn(move || {
                for _ in 0..20 {
                    let verdict = runtime.block_on(decide(&*store, &charges(thread)));
                    admitted.fetch_add(u32::from(verdict == Verdict::Admitted), SeqCst);
                }
            })
        })
        .collect();
    tokio::task::spawn_blocking(|| {
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    })
    .await
    .unwrap();
    admitted.load(SeqCst)
}

type Charge = (&'static str, &'static str, Quota, u32);

fn quota(period: Duration, burst: u32) -> Quota {
    Quota::with_period(period)
        .unwrap()
        .allow_burst(NonZeroU32::new(burst).unwrap())
}

fn hourly(burst: u32) -> Quota {
    quota(HOUR, burst)
}

async fn ask<B: Bench>(bench: &B, charges: &[Charge]) -> Verdict {
    decide(&*bench.store(), charges).await
}

async fn decide(store: &impl RateLimitStore, charges: &[Charge]) -> Verdict {
    let costs = charges.iter().map(|(rule, key, quota, amount)| {
        let amount = NonZeroU32::new(*amount).unwrap();
        Cost::new(*rule, *quota, amount, |writer| {
            writer.text(key);
        })
    });
    let all: Vec<_> = costs.collect();
    let decision = match store.acquire(&all) {
        Acquire::Ready(decision) => decision,
        Acquire::Pending(later) => later.await,
    };
    assert!(!decision.is_fallback);
    decision.verdict
}

#[track_caller]
fn assert_limited<B: Bench>(verdict: Verdict, which: usize, wait: Duration) {
    let Verdict::Limited { index, retry_after } = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(index, which);
    assert!(
        retry_after <= wait && retry_after + B::SLACK >= wait,
        "{retry_after:?} for {wait:?}"
    );
}
