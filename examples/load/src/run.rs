//! The open loop.

use std::time::Duration;

use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    profile::Profile,
    record::{Ended, Outcome, Recorder, Report},
    schedule::{Arrivals, Phase, Schedule},
};

/// A load: the rates, and the limits of the generator.
#[derive(Debug, Clone)]
pub struct Load {
    phases: Vec<Phase>,
    arrivals: Arrivals,
    patience: Duration,
    max_in_flight: usize,
}

impl Load {
    /// These phases one after the other, without a warm-up, with fixed distances between calls, ten
    /// seconds of patience and at most 1,000 calls in flight.
    #[must_use]
    pub fn new(phases: impl IntoIterator<Item = Phase>) -> Self {
        let none = Phase::new(1.0, Duration::ZERO);
        Self {
            phases: [none].into_iter().chain(phases).collect(),
            arrivals: Arrivals::Fixed,
            patience: Duration::from_secs(10),
            max_in_flight: 1000,
        }
    }

    /// Sends calls at the rate of the first phase for some time before it, which are not reported.
    #[must_use]
    pub fn warm_up(mut self, duration: Duration) -> Self {
        let rate = self.phases.get(1).map_or(1.0, |first| first.rate);
        self.phases[0] = Phase::new(rate, duration);
        self
    }

    /// Sets the distance between calls.
    #[must_use]
    pub fn arrivals(mut self, arrivals: Arrivals) -> Self {
        self.arrivals = arrivals;
        self
    }

    /// Sets the time after which a call is given up, from its intended time.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets the most calls in flight. Further ones are dropped, which is a failure.
    #[must_use]
    pub fn max_in_flight(mut self, max_in_flight: usize) -> Self {
        self.max_in_flight = max_in_flight;
        self
    }
}

/// Makes the calls of a load, and waits until all of them have ended.
///
/// `call` is asked for each call when it is due, and never waited for.
pub async fn run<F, C>(load: &Load, mut call: F) -> Report
where
    F: FnMut() -> (Profile, C),
    C: Future<Output = Outcome> + Send + 'static,
{
    let lengths: Vec<_> = load.phases.iter().map(|phase| phase.duration).collect();
    let mut recorder = Recorder::new(&lengths);
    let mut calls = JoinSet::new();
    let start = Instant::now();
    for (phase, at) in Schedule::new(&load.phases, load.arrivals) {
        let intended = start + at;
        sleep_until(intended).await;
        while let Some(ended) = calls.try_join_next() {
            record(&mut recorder, ended);
        }
        let (profile, call) = call();
        let ended = move |outcome, late, latency| Ended {
            phase,
            at,
            profile,
            outcome,
            latency,
            late,
        };
        let patience = load.patience;
        if calls.len() >= load.max_in_flight {
            let dropped = Outcome::Lost("dropped");
            recorder.add(&ended(dropped, intended.elapsed(), patience));
            continue;
        }
        calls.spawn(async move {
            let late = intended.elapsed();
            let outcome = timeout_at(intended + patience, call).await;
            let outcome = outcome.unwrap_or(Outcome::Lost("timeout"));
            ended(outcome, late, intended.elapsed())
        });
    }
    while let Some(ended) = calls.join_next().await {
        record(&mut recorder, ended);
    }
    recorder.report()
}

fn record(recorder: &mut Recorder, ended: Result<Ended, JoinError>) {
    match ended {
        Ok(ended) => recorder.add(&ended),
        // No task is aborted, so it has panicked.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
