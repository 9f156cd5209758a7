//! Outcomes and latencies, and what is reported of them.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::profile::Profile;

/// The end of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With the answer that the caller wanted. A hostile caller wants to be refused.
    Wanted,
    /// With another answer, such as `status 429` or `error -32603`.
    Other(Cow<'static, str>),
    /// Without an answer: `timeout`, `connection` or `dropped`.
    Lost(&'static str),
}

impl Outcome {
    fn name(&self) -> &str {
        match self {
            Self::Wanted => "ok",
            Self::Other(name) => name,
            Self::Lost(name) => name,
        }
    }
}

/// One call that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) phase: usize,
    /// The intended time, from the start.
    pub(crate) at: Duration,
    pub(crate) profile: Profile,
    pub(crate) outcome: Outcome,
    /// From the intended time to the end.
    pub(crate) latency: Duration,
    /// From the intended time to the time at which it was sent.
    pub(crate) late: Duration,
}

/// The calls of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// One for each phase, without the warm-up.
    pub phases: Vec<Summary>,
    /// One for each second, from the start of the first phase.
    pub seconds: Vec<Summary>,
}

/// The calls that were to be sent within some time.
///
/// Percentiles are those of the wanted answers to all profiles but the hostile one. A call without an
/// answer counts with the time after which it was given up; one that was answered otherwise is a failure
/// and has no latency.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The length of the time, in seconds.
    pub seconds: f64,
    /// Calls that were to be sent.
    pub offered: u64,
    /// Calls that were answered, as wanted or otherwise.
    pub answered: u64,
    /// Calls that were answered as their callers wanted, those of hostile callers included.
    pub wanted: u64,
    /// Wanted answers a second to callers that are not hostile.
    pub goodput: f64,
    /// Median, in milliseconds.
    pub p50_ms: f64,
    /// 90th percentile, in milliseconds.
    pub p90_ms: f64,
    /// 99th percentile, in milliseconds.
    pub p99_ms: f64,
    /// 99.9th percentile, in milliseconds.
    pub p999_ms: f64,
    /// The longest latency, in milliseconds.
    pub max_ms: f64,
    /// 99th percentile of the time by which the generator itself was late, in milliseconds.
    pub late_p99_ms: f64,
    /// The outcomes of each profile, counted.
    pub outcomes: BTreeMap<Profile, BTreeMap<String, u64>>,
}

impl Summary {
    /// The share of calls that were not answered as wanted.
    #[must_use]
    pub fn failures(&self) -> f64 {
        (self.offered - self.wanted) as f64 / self.offered.max(1) as f64
    }
}

/// Counts of calls, to be summed up.
#[derive(Debug)]
struct Counts {
    offered: u64,
    answered: u64,
    wanted: u64,
    useful: u64,
    latencies: Histogram<u64>,
    late: Histogram<u64>,
    outcomes: BTreeMap<Profile, BTreeMap<String, u64>>,
}

impl Counts {
    fn new() -> Self {
        Self {
            offered: 0,
            answered: 0,
            wanted: 0,
            useful: 0,
            latencies: histogram(),
            late: histogram(),
            outcomes: BTreeMap::new(),
        }
    }

    fn add(&mut self, ended: &Ended) {
        self.offered += 1;
        self.answered += u64::from(!matches!(ended.outcome, Outcome::Lost(_)));
        self.wanted += u64::from(ended.outcome == Outcome::Wanted);
        if ended.profile != Profile::Hostile {
            self.useful += u64::from(ended.outcome == Outcome::Wanted);
            if !matches!(ended.outcome, Outcome::Other(_)) {
                self.latencies.saturating_record(micros(ended.latency));
            }
        }
        self.late.saturating_record(micros(ended.late));
        let outcomes = self.outcomes.entry(ended.profile).or_default();
        let name = ended.outcome.name();
        match outcomes.get_mut(name) {
            Some(count) => *count += 1,
            None => drop(outcomes.insert(name.to_owned(), 1)),
        }
    }

    fn summary(self, length: Duration) -> Summary {
        let ms = |histogram: &Histogram<u64>, percentile| {
            histogram.value_at_percentile(percentile) as f64 / 1000.0
        };
        let seconds = length.as_secs_f64();
        Summary {
            seconds,
            offered: self.offered,
            answered: self.answered,
            wanted: self.wanted,
            goodput: self.useful as f64 / seconds,
            p50_ms: ms(&self.latencies, 50.0),
            p90_ms: ms(&self.latencies, 90.0),
            p99_ms: ms(&self.latencies, 99.0),
            p999_ms: ms(&self.latencies, 99.9),
            max_ms: ms(&self.latencies, 100.0),
            late_p99_ms: ms(&self.late, 99.0),
            outcomes: self.outcomes,
        }
    }
}

/// Keeps what has ended, by phase and by second.
#[derive(Debug)]
pub(crate) struct Recorder {
    warm_up: Duration,
    phases: Vec<(Duration, Counts)>,
    seconds: Vec<Counts>,
}

impl Recorder {
    /// The lengths of the phases; the first of them is the warm-up, and not recorded.
    pub(crate) fn new(lengths: &[Duration]) -> Self {
        let lengths = lengths.iter();
        Self {
            warm_up: lengths.clone().next().copied().unwrap_or_default(),
            phases: lengths.map(|length| (*length, Counts::new())).collect(),
            seconds: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, ended: &Ended) {
        if ended.phase == 0 {
            return;
        }
        self.phases[ended.phase].1.add(ended);
        let second = ended.at.saturating_sub(self.warm_up).as_secs();
        let second = usize::try_from(second).unwrap_or(usize::MAX);
        while self.seconds.len() <= second {
            self.seconds.push(Counts::new());
        }
        self.seconds[second].add(ended);
    }

    pub(crate) fn report(self) -> Report {
        let second = Duration::from_secs(1);
        let phases = self.phases.into_iter().skip(1);
        Report {
            phases: phases
                .map(|(length, counts)| counts.summary(length))
                .collect(),
            seconds: self
                .seconds
                .into_iter()
                .map(|counts| counts.summary(second))
                .collect(),
        }
    }
}

/// Up to ten minutes in microseconds, with an error of at most 1 %.
fn histogram() -> Histogram<u64> {
    #[expect(
        clippy::expect_used,
        reason = "the bounds are constants that fit together"
    )]
    Histogram::new_with_bounds(1, 600_000_000, 2).expect("bounds")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
