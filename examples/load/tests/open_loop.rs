//! Latency counts from the intended time of a call. Time is paused: it moves when nothing else can.
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use load::{Load, Outcome, Phase, Profile, Report, run};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, sleep_until},
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A server that answers after a millisecond, but stands still from 1 s to 2 s after its start.
async fn stalls_once(load: &Load) -> Report {
    let start = Instant::now();
    let answer = move || async move {
        let now = start.elapsed();
        if (SECOND..2 * SECOND).contains(&now) {
            sleep_until(start + 2 * SECOND).await;
        }
        sleep(MS).await;
        Outcome::Wanted
    };
    run(load, || (Profile::Hammer, answer())).await
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stalls_once_is_charged_for_every_call_of_that_time() {
    // 100 of 1,000 calls fall into the stall, and wait for half a second on average.
    let report = stalls_once(&Load::new([Phase::new(100.0, 10 * SECOND)])).await;
    let phase = &report.phases[0];
    assert_eq!((phase.offered, phase.wanted), (1000, 1000));
    assert!(phase.p50_ms < 3.0, "{phase:?}");
    assert!(phase.p90_ms < 30.0, "{phase:?}");
    assert!((890.0..930.0).contains(&phase.p99_ms), "{phase:?}");
    assert!((990.0..1020.0).contains(&phase.max_ms), "{phase:?}");
    // Each second has the calls that were to be sent in it.
    let p50 = |second: usize| report.seconds[second].p50_ms;
    assert!(p50(0) < 3.0 && p50(2) < 3.0);
    assert!((490.0..520.0).contains(&p50(1)), "{}", p50(1));
    assert!(report.seconds.iter().all(|second| second.offered == 100));
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_connection_is_part_of_the_latency() {
    // One connection and 10 ms for each call: the last of a hundred waits for a second less its own time.
    let connection = Arc::new(Semaphore::new(1));
    let load = Load::new([Phase::new(100_000.0, MS)]);
    let report = run(&load, || {
        let connection = Arc::clone(&connection);
        let call = async move {
            let _turn = connection.acquire().await.unwrap();
            sleep(10 * MS).await;
            Outcome::Wanted
        };
        (Profile::Hammer, call)
    })
    .await;
    let phase = &report.phases[0];
    assert_eq!(phase.wanted, 100);
    assert!((490.0..520.0).contains(&phase.p50_ms), "{phase:?}");
    assert!((990.0..1020.0).contains(&phase.max_ms), "{phase:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_sent_late_counts_from_its_intended_time() {
    // All calls of a millisecond are sent at its end, when the timer fires.
    let load = Load::new([Phase::new(100_000.0, MS)]);
    let report = run(&load, || (Profile::Hammer, async { Outcome::Wanted })).await;
    let phase = &report.phases[0];
    assert_eq!(phase.wanted, 100);
    assert!((0.45..0.55).contains(&phase.p50_ms), "{phase:?}");
    assert!((0.95..1.05).contains(&phase.late_p99_ms), "{phase:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_beyond_the_limit_in_flight_is_a_failure_with_the_longest_latency() {
    let load = Load::new([Phase::new(10.0, SECOND)]);
    let load = load.max_in_flight(4).patience(3 * SECOND);
    let report = run(&load, || (Profile::Agent, std::future::pending())).await;
    let phase = &report.phases[0];
    assert_eq!((phase.offered, phase.answered, phase.wanted), (10, 0, 0));
    let outcomes = &phase.outcomes[&Profile::Agent];
    assert_eq!((outcomes["timeout"], outcomes["dropped"]), (4, 6));
    assert!((2980.0..3040.0).contains(&phase.p50_ms), "{phase:?}");
    assert!((phase.failures() - 1.0).abs() < f64::EPSILON);
}

#[tokio::test(start_paused = true)]
async fn goodput_and_latency_are_of_wanted_answers_to_callers_that_are_not_hostile() {
    let load = Load::new([Phase::new(40.0, SECOND)]);
    let mut number = 0;
    let report = run(&load, || {
        number += 1;
        let (profile, outcome, wait) = match number % 4 {
            0 => (Profile::Agent, Outcome::Wanted, MS),
            1 => (Profile::Agent, Outcome::Other("status 503".into()), SECOND),
            2 => (Profile::Hostile, Outcome::Wanted, SECOND),
            _ => (
                Profile::Hostile,
                Outcome::Other("not refused".into()),
                SECOND,
            ),
        };
        let call = async move {
            sleep(wait).await;
            outcome
        };
        (profile, call)
    })
    .await;
    let phase = &report.phases[0];
    assert_eq!((phase.offered, phase.answered, phase.wanted), (40, 40, 20));
    assert!((phase.goodput - 10.0).abs() < f64::EPSILON);
    assert!((phase.failures() - 0.5).abs() < f64::EPSILON);
    assert!(phase.max_ms < 5.0, "{phase:?}");
}

#[tokio::test(start_paused = true)]
async fn the_warm_up_is_not_reported() {
    let phases = [Phase::new(10.0, SECOND), Phase::new(20.0, SECOND)];
    let load = Load::new(phases).warm_up(5 * SECOND);
    let mut calls = 0;
    let report = run(&load, || {
        calls += 1;
        (Profile::Hammer, async { Outcome::Wanted })
    })
    .await;
    assert_eq!(calls, 50 + 10 + 20);
    let offered: Vec<_> = report.phases.iter().map(|phase| phase.offered).collect();
    assert_eq!(offered, [10, 20]);
    let offered: Vec<_> = report.seconds.iter().map(|second| second.offered).collect();
    assert_eq!(offered, [10, 20]);
}
