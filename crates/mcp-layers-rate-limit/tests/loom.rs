//! The table under the interleavings of its threads, with up to two preemptions:
//! `RUSTFLAGS="--cfg mcp_layers_loom" cargo test -p mcp-layers-rate-limit --test loom`.
#![cfg(mcp_layers_loom)]
#![allow(clippy::unwrap_used)]

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use loom::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    thread,
};
use mcp_layers_rate_limit::{Charges, MemoryStore, Quota, RateLimitStore, Verdict};
use mcp_layers_test::ManualClock;

fn quota(burst: u32) -> Quota {
    let quota = Quota::with_period(Duration::from_secs(3_600)).unwrap();
    quota.burst(NonZeroU32::new(burst).unwrap())
}

fn charges(all: &[(&str, u32)]) -> Charges {
    let mut charges = Charges::new();
    for (rule, burst) in all {
        charges.push(rule, quota(*burst), NonZeroU32::MIN, |key| key.none());
    }
    charges
}

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(check);
}

/// How many of three threads are admitted, each to its charges.
fn admitted(max_keys: usize, of: [&'static [(&'static str, u32)]; 3]) -> u32 {
    let store = MemoryStore::new().max_keys(NonZeroUsize::new(max_keys).unwrap());
    let store = Arc::new(store.clock(ManualClock::new()));
    let count = Arc::new(AtomicU32::new(0));
    let run = |charges_of: &'static [(&'static str, u32)]| {
        let (store, count) = (Arc::clone(&store), Arc::clone(&count));
        move || {
            let verdict = store.decide(&charges(charges_of));
            count.fetch_add(u32::from(verdict == Verdict::Admitted), SeqCst);
        }
    };
    let others = [thread::spawn(run(of[1])), thread::spawn(run(of[2]))];
    run(of[0])();
    others.into_iter().for_each(|other| other.join().unwrap());
    count.load(SeqCst)
}

#[test]
fn r5_one_budget_is_spent_exactly() {
    model(|| assert_eq!(admitted(10, [&[("a", 2)]; 3]), 2));
}

#[test]
fn r6_two_budgets_in_two_shards_are_taken_together_without_a_deadlock() {
    // Two shards: 2,048 keys. One of three pairs is in both, whatever the hash is. One thread names
    // the budgets in the other order.
    macro_rules! check {
        ($other:literal) => {
            model(|| {
                let both: &[_] = &[("a", 2), ($other, 1)];
                let of = [both, &[($other, 1), ("a", 2)], &[("a", 2)]];
                assert_eq!(admitted(2_048, of), 2);
            });
        };
    }
    check!("b");
    check!("c");
    check!("d");
}

#[test]
fn r1_the_shared_bucket_is_spent_exactly() {
    model(|| {
        assert_eq!(
            admitted(1, [&[("a", 1), ("b", 1)], &[("c", 1)], &[("c", 1)]]),
            2
        )
    });
}

#[test]
fn r16_a_quota_that_changes_meanwhile_gives_nothing_away() {
    model(|| {
        let store = Arc::new(MemoryStore::new().clock(ManualClock::new()));
        assert_eq!(store.decide(&charges(&[("a", 2)])), Verdict::Admitted);
        let other = Arc::clone(&store);
        let change = thread::spawn(move || other.quota_changed("a", quota(1)));
        let _ = store.decide(&charges(&[("a", 2)]));
        change.join().unwrap();
        assert_ne!(store.decide(&charges(&[("a", 1)])), Verdict::Admitted);
    });
}
