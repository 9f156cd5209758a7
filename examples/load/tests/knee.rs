//! The knee finder against servers whose knee is known. Time is paused.
#![allow(clippy::unwrap_used)]

use std::{cell::Cell, sync::Arc, time::Duration};

use load::{Load, Objective, Outcome, Phase, Profile, Verdict, find_knees, run};
use tokio::{sync::Semaphore, time::sleep};

const PRECISION: f64 = 0.05;

/// Holds every rate up to a knee.
fn up_to(knee: f64) -> impl Fn(f64) -> Verdict {
    move |rate| {
        if rate <= knee {
            Verdict::Holds
        } else {
            Verdict::Breaks
        }
    }
}

#[tokio::test]
async fn the_knees_of_several_servers_are_found_in_turns() {
    let knees = [3.0, 47.0, 100.0, 12_345.0];
    let order = Cell::new(Vec::new());
    let found = find_knees(knees.len(), 100.0, PRECISION, async |server, rate| {
        let mut seen = order.take();
        seen.push(server);
        order.set(seen);
        up_to(knees[server])(rate)
    })
    .await;
    for (knee, found) in knees.iter().zip(&found) {
        assert!(found.rate <= *knee && *knee < found.broken_at, "{found:?}");
        assert!(found.broken_at - found.rate <= PRECISION * found.broken_at);
        assert!(!found.limited_by_generator);
    }
    let order = order.take();
    assert_eq!(order[..8], [0, 1, 2, 3, 0, 1, 2, 3]);
    // Doubling and halving, not a walk: a rate that breaks is measured twice.
    assert!(order.len() < 80, "{}", order.len());
}

#[tokio::test]
async fn one_bad_measurement_does_not_move_the_knee() {
    let bad = Cell::new(0);
    let found = find_knees(1, 100.0, PRECISION, async |_, rate| {
        // The first measurement above 1,000 is bad, whatever the server does.
        if rate > 1000.0 && bad.replace(bad.get() + 1) == 0 {
            return Verdict::Breaks;
        }
        up_to(5000.0)(rate)
    })
    .await;
    assert!((4700.0..=5000.0).contains(&found[0].rate), "{found:?}");
}

#[tokio::test]
async fn a_server_that_sustains_nothing_has_no_knee() {
    let found = find_knees(1, 100.0, PRECISION, async |_, _| Verdict::Breaks).await;
    assert!(found[0].rate.abs() < f64::EPSILON, "{found:?}");
}

#[tokio::test]
async fn a_generator_that_is_too_slow_is_named_as_the_limit() {
    let found = find_knees(1, 100.0, PRECISION, async |_, rate| {
        if rate <= 2000.0 {
            Verdict::Holds
        } else {
            Verdict::GeneratorLate
        }
    })
    .await;
    assert!(found[0].limited_by_generator, "{found:?}");
    assert!((1900.0..=2000.0).contains(&found[0].rate), "{found:?}");
}

/// Four workers, 8 ms a call: 500 calls a second, through the whole open loop.
#[tokio::test(start_paused = true)]
async fn the_knee_of_a_simulated_server_is_its_capacity() {
    let objective = Objective {
        p99: Duration::from_millis(50),
        failures: 0.001,
    };
    let found = find_knees(1, 50.0, PRECISION, async |_, rate| {
        let workers = Arc::new(Semaphore::new(4));
        let load = Load::new([Phase::new(rate, Duration::from_secs(3))]);
        let report = run(&load, || {
            let workers = Arc::clone(&workers);
            let call = async move {
                let _worker = workers.acquire().await.unwrap();
                sleep(Duration::from_millis(8)).await;
                Outcome::Wanted
            };
            (Profile::Hammer, call)
        })
        .await;
        objective.judge(&report.phases[0])
    })
    .await;
    assert!((450.0..=510.0).contains(&found[0].rate), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn failures_break_a_rate_that_is_answered_in_time() {
    let objective = Objective {
        p99: Duration::from_millis(50),
        failures: 0.001,
    };
    for (failing, verdict) in [(1, Verdict::Holds), (2, Verdict::Breaks)] {
        let load = Load::new([Phase::new(1000.0, Duration::from_secs(1))]);
        let mut number = 0;
        let report = run(&load, || {
            number += 1;
            let outcome = match number <= failing {
                true => Outcome::Other("status 503".into()),
                false => Outcome::Wanted,
            };
            (Profile::Hammer, async { outcome })
        })
        .await;
        assert_eq!(objective.judge(&report.phases[0]), verdict, "{failing}");
    }
}
