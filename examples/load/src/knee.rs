//! The knee: the highest rate at which a server still meets an objective.

use std::time::Duration;

use serde::Serialize;

use crate::record::Summary;

/// A server that does not sustain one call a second has no knee.
const SLOWEST: f64 = 1.0;

/// The requirements at a rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Objective {
    /// The highest 99th percentile of the latency.
    pub p99: Duration,
    /// The largest share of calls that are not answered as wanted.
    pub failures: f64,
}

/// The result of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The server holds the rate.
    Holds,
    /// The server does not hold it.
    Breaks,
    /// The generator itself is too slow for it, so that nothing is known of the server.
    GeneratorLate,
}

impl Objective {
    /// Judges a measurement.
    #[must_use]
    pub fn judge(&self, summary: &Summary) -> Verdict {
        let p99_ms = self.p99.as_secs_f64() * 1000.0;
        if summary.late_p99_ms > p99_ms / 2.0 {
            Verdict::GeneratorLate
        } else if summary.p99_ms <= p99_ms && summary.failures() <= self.failures {
            Verdict::Holds
        } else {
            Verdict::Breaks
        }
    }
}

/// The end of a search.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Knee {
    /// The highest rate that held, in calls a second; zero if none did.
    pub rate: f64,
    /// The lowest rate above it that did not hold.
    pub broken_at: f64,
    /// True if the generator was the limit: the server may sustain more.
    pub limited_by_generator: bool,
}

/// A search: the rate doubles until it does not hold, then the rest is halved.
#[derive(Debug)]
struct Search {
    low: f64,
    high: Option<f64>,
    rate: f64,
    /// The last verdict, if the rate has to fail once more.
    failed: Option<Verdict>,
    limited_by_generator: bool,
}

impl Search {
    fn new(from: f64) -> Self {
        Self {
            low: 0.0,
            high: None,
            rate: from,
            failed: None,
            limited_by_generator: false,
        }
    }

    /// The next rate to measure, until the knee is known with this precision.
    fn next(&self, precision: f64) -> Option<f64> {
        let is_done = self
            .high
            .is_some_and(|high| high < SLOWEST || high - self.low <= precision * high);
        (!is_done).then_some(self.rate)
    }

    /// A rate breaks only twice in a row: once may be anything else that the machine does.
    fn measured(&mut self, verdict: Verdict) {
        if verdict == Verdict::Holds {
            self.low = self.rate;
        } else if self.failed.is_none() {
            self.failed = Some(verdict);
            return;
        } else {
            self.high = Some(self.rate);
            self.limited_by_generator = verdict == Verdict::GeneratorLate;
        }
        self.failed = None;
        self.rate = match self.high {
            Some(high) => f64::midpoint(self.low, high),
            None => 2.0 * self.low,
        };
    }

    fn knee(&self) -> Knee {
        Knee {
            rate: self.low,
            broken_at: self.high.unwrap_or(self.low),
            limited_by_generator: self.limited_by_generator,
        }
    }
}

/// Finds the knee of each of several servers.
///
/// The servers are measured in turns, so that all have the same share of what else the machine does.
/// `measure` is given the number of a server and a rate. `from` is the first rate, `precision` the
/// distance between the highest rate that holds and the lowest that does not, as a share of the latter.
pub async fn find_knees(
    servers: usize,
    from: f64,
    precision: f64,
    mut measure: impl AsyncFnMut(usize, f64) -> Verdict,
) -> Vec<Knee> {
    let mut searches: Vec<_> = (0..servers).map(|_| Search::new(from)).collect();
    loop {
        let mut is_done = true;
        for (server, search) in searches.iter_mut().enumerate() {
            if let Some(rate) = search.next(precision) {
                is_done = false;
                search.measured(measure(server, rate).await);
            }
        }
        if is_done {
            return searches.iter().map(Search::knee).collect();
        }
    }
}
