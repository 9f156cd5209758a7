//! The times at which calls arrive.

use std::time::Duration;

use fastrand::Rng;

/// A rate that is held for some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Phase {
    /// Calls a second.
    pub rate: f64,
    /// The time for which it is held.
    pub duration: Duration,
}

impl Phase {
    /// A rate in calls a second, and the time for which it is held.
    #[must_use]
    pub fn new(rate: f64, duration: Duration) -> Self {
        Self { rate, duration }
    }
}

/// The distance between arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// The same distance between all.
    Fixed,
    /// A Poisson process, as of many callers that know nothing of each other. The seed makes it
    /// repeatable.
    Poisson {
        /// Seed of the random numbers.
        seed: u64,
    },
}

/// Iterates over arrivals: the phase of each, and its time from the start of the first phase.
#[derive(Debug)]
pub(crate) struct Schedule<'a> {
    phases: &'a [Phase],
    random: Option<Rng>,
    phase: usize,
    /// The start of the phase.
    start: Duration,
    /// The next arrival from there, in seconds.
    next: f64,
    /// Arrivals of the phase so far.
    count: u32,
}

impl<'a> Schedule<'a> {
    pub(crate) fn new(phases: &'a [Phase], arrivals: Arrivals) -> Self {
        let random = match arrivals {
            Arrivals::Fixed => None,
            Arrivals::Poisson { seed } => Some(Rng::with_seed(seed)),
        };
        let mut schedule = Self {
            phases,
            random,
            phase: 0,
            start: Duration::ZERO,
            next: 0.0,
            count: 0,
        };
        schedule.begin();
        schedule
    }

    /// Begins the current phase. A fixed one has its first arrival at once.
    fn begin(&mut self) {
        self.count = 0;
        self.next = 0.0;
        if self.random.is_some() {
            self.advance();
        }
    }

    fn advance(&mut self) {
        let Some(phase) = self.phases.get(self.phase) else {
            return;
        };
        self.count += 1;
        self.next = match &mut self.random {
            // A product, so that no error adds up.
            None => f64::from(self.count) / phase.rate,
            Some(random) => self.next - (1.0 - random.f64()).ln() / phase.rate,
        };
    }
}

impl Iterator for Schedule<'_> {
    type Item = (usize, Duration);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let phase = self.phases.get(self.phase)?;
            if self.next < phase.duration.as_secs_f64() {
                let at = self.start + Duration::from_secs_f64(self.next);
                self.advance();
                return Some((self.phase, at));
            }
            self.start += phase.duration;
            self.phase += 1;
            self.begin();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn fixed_arrivals_have_one_distance_in_each_phase() {
        let phases = [Phase::new(4.0, SECOND), Phase::new(2.0, SECOND)];
        let arrivals: Vec<_> = Schedule::new(&phases, Arrivals::Fixed).collect();
        let at = |phase, ms| (phase, Duration::from_millis(ms));
        let first = [at(0, 0), at(0, 250), at(0, 500), at(0, 750)];
        let second = [at(1, 1000), at(1, 1500)];
        assert_eq!(arrivals, [&first[..], &second].concat());
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_vary() {
        let phases = [Phase::new(1000.0, 100 * SECOND)];
        let arrivals = Arrivals::Poisson { seed: 7 };
        let times: Vec<_> = Schedule::new(&phases, arrivals).map(|(_, at)| at).collect();
        // 100,000 are expected, with a standard deviation of 316.
        assert!((98_500..=101_500).contains(&times.len()), "{}", times.len());
        let gaps = times
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).as_secs_f64());
        let short = gaps.filter(|gap| *gap < 0.0001).count() as f64;
        // A tenth of the mean distance: 1 - exp(-0.1) of all.
        let share = short / times.len() as f64;
        assert!((0.09..0.1).contains(&share), "{share}");
        assert!(times.is_sorted());
    }
}
