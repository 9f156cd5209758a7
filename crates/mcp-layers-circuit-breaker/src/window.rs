//! What the latest calls were like: by count, or by time.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    time::{Duration, Instant},
};

/// Which calls a circuit judges by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The latest calls, this many. A byte each is kept.
    Calls(NonZeroU32),
    /// The calls of the latest time, this long, to a tenth of it.
    Time(Duration),
}

/// How one call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Whether it failed.
    pub failed: bool,
    /// Whether it was slow.
    pub slow: bool,
}

/// How many calls there were, and of what kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// All.
    pub calls: u32,
    /// Those that failed.
    pub failures: u32,
    /// Those that were slow, failed or not.
    pub slow: u32,
}

impl Counts {
    fn add(&mut self, sample: Sample) {
        self.calls = self.calls.saturating_add(1);
        self.failures = self.failures.saturating_add(sample.failed.into());
        self.slow = self.slow.saturating_add(sample.slow.into());
    }

    fn remove(&mut self, other: Self) {
        self.calls = self.calls.saturating_sub(other.calls);
        self.failures = self.failures.saturating_sub(other.failures);
        self.slow = self.slow.saturating_sub(other.slow);
    }
}

/// A time window is this many slices, of which the oldest goes as a whole.
const SLICES: u32 = 10;

/// The samples of a window, with their counts.
#[derive(Debug)]
pub(crate) struct Samples {
    window: Window,
    counts: Counts,
    latest: VecDeque<Sample>,
    slices: VecDeque<(Instant, Counts)>,
}

impl Samples {
    pub(crate) fn new(window: Window) -> Self {
        Self {
            window,
            counts: Counts::default(),
            latest: VecDeque::new(),
            slices: VecDeque::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.window);
    }

    pub(crate) fn add(&mut self, sample: Sample, now: Instant) {
        match self.window {
            Window::Calls(max) => {
                if self.latest.len() >= max.get() as usize
                    && let Some(oldest) = self.latest.pop_front()
                {
                    let mut counts = Counts::default();
                    counts.add(oldest);
                    self.counts.remove(counts);
                }
                self.latest.push_back(sample);
            }
            Window::Time(length) => {
                self.expire(length, now);
                let slice = length / SLICES;
                match self.slices.back_mut() {
                    Some((begun, counts)) if now.saturating_duration_since(*begun) < slice => {
                        counts.add(sample);
                    }
                    _ => {
                        let mut counts = Counts::default();
                        counts.add(sample);
                        self.slices.push_back((now, counts));
                    }
                }
            }
        }
        self.counts.add(sample);
    }

    pub(crate) fn counts(&mut self, now: Instant) -> Counts {
        if let Window::Time(length) = self.window {
            self.expire(length, now);
        }
        self.counts
    }

    /// Whether one more good call would change nothing: the window is full of good ones.
    pub(crate) fn is_clean(&self) -> bool {
        match self.window {
            Window::Calls(max) => {
                self.counts.calls >= max.get() && self.counts.failures == 0 && self.counts.slow == 0
            }
            Window::Time(_) => false,
        }
    }

    fn expire(&mut self, length: Duration, now: Instant) {
        while let Some((begun, counts)) = self.slices.front()
            && now.saturating_duration_since(*begun) >= length
        {
            self.counts.remove(*counts);
            self.slices.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Sample, Samples, Window};
    use std::{
        num::NonZeroU32,
        time::{Duration, Instant},
    };

    const SECOND: Duration = Duration::from_secs(1);
    const GOOD: Sample = Sample {
        failed: false,
        slow: false,
    };
    const BAD: Sample = Sample {
        failed: true,
        slow: true,
    };

    #[test]
    fn a_window_of_calls_forgets_the_oldest() {
        let now = Instant::now();
        let mut samples = Samples::new(Window::Calls(NonZeroU32::new(3).unwrap()));
        samples.add(BAD, now);
        (0..2).for_each(|_| samples.add(GOOD, now));
        assert_eq!(
            (samples.counts(now).failures, samples.is_clean()),
            (1, false)
        );
        samples.add(GOOD, now);
        let counts = samples.counts(now);
        assert_eq!((counts.calls, counts.failures, counts.slow), (3, 0, 0));
        assert!(samples.is_clean());
    }

    #[test]
    fn a_window_of_time_forgets_what_is_older_and_stays_small() {
        let start = Instant::now();
        let mut samples = Samples::new(Window::Time(10 * SECOND));
        for tenth in 0..1_000 {
            samples.add(BAD, start + tenth * SECOND / 10);
        }
        assert!(samples.slices.len() <= 11, "{}", samples.slices.len());
        let counts = samples.counts(start + 100 * SECOND);
        assert!((90..=100).contains(&counts.failures), "{counts:?}");
        assert_eq!(samples.counts(start + 200 * SECOND).calls, 0);
    }
}
