//! The window of calls by which a circuit decides: by count, or by time.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    num::NonZeroU32,
    time::{Duration, Instant},
};

/// The calls by which a circuit decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Window {
    /// The latest calls, this many. They are kept one by one.
    Calls(NonZeroU32),
    /// The calls of the latest time, to a tenth of it.
    Time(Duration),
}

/// The outcome of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// True if it failed.
    pub failed: bool,
    /// True if it was slow.
    pub slow: bool,
}

/// Numbers of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// All calls.
    pub calls: u32,
    /// The calls that failed.
    pub failures: u32,
    /// The calls that were slow, failed or not.
    pub slow: u32,
}

impl Counts {
    pub(crate) fn of(sample: Sample) -> Self {
        Self {
            calls: 1,
            failures: sample.failed.into(),
            slow: sample.slow.into(),
        }
    }

    fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.failures = self.failures.saturating_add(other.failures);
        self.slow = self.slow.saturating_add(other.slow);
    }

    fn remove(&mut self, other: Self) {
        self.calls = self.calls.saturating_sub(other.calls);
        self.failures = self.failures.saturating_sub(other.failures);
        self.slow = self.slow.saturating_sub(other.slow);
    }
}

/// The caller of a sample: a principal, or all callers without one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Caller(pub(crate) Option<u64>);

/// A window of time consists of this many slices, of which the oldest leaves as a whole.
const SLICES: u32 = 10;

/// The callers that are told apart in one slice of a window of time. Calls of further ones count
/// for the window alone.
const MAX_CALLERS: usize = 1_024;

/// The samples of a window.
#[derive(Debug)]
pub(crate) struct Samples {
    window: Window,
    counts: Counts,
    latest: VecDeque<(Caller, Sample)>,
    slices: VecDeque<Slice>,
}

#[derive(Debug)]
struct Slice {
    begun: Instant,
    all: Counts,
    callers: HashMap<Caller, Counts>,
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

    pub(crate) fn add(&mut self, caller: Caller, sample: Sample, now: Instant) {
        match self.window {
            Window::Calls(max) => {
                if self.latest.len() >= max.get() as usize
                    && let Some((_, oldest)) = self.latest.pop_front()
                {
                    self.counts.remove(Counts::of(oldest));
                }
                self.latest.push_back((caller, sample));
            }
            Window::Time(length) => {
                self.expire(length, now);
                self.slice(length / SLICES, now).add(caller, sample);
            }
        }
        self.counts.add(Counts::of(sample));
    }

    fn slice(&mut self, length: Duration, now: Instant) -> &mut Slice {
        let is_current = |slice: &Slice| now.saturating_duration_since(slice.begun) < length;
        if !self.slices.back().is_some_and(is_current) {
            self.slices.push_back(Slice {
                begun: now,
                all: Counts::default(),
                callers: HashMap::new(),
            });
        }
        let last = self.slices.len() - 1;
        &mut self.slices[last]
    }

    /// The numbers of all calls.
    pub(crate) fn counts(&mut self, now: Instant) -> Counts {
        if let Window::Time(length) = self.window {
            self.expire(length, now);
        }
        self.counts
    }

    /// The numbers of one caller's calls.
    pub(crate) fn counts_of(&self, caller: Caller) -> Counts {
        let mut sum = Counts::default();
        for (of, sample) in &self.latest {
            if *of == caller {
                sum.add(Counts::of(*sample));
            }
        }
        for slice in &self.slices {
            if let Some(counts) = slice.callers.get(&caller) {
                sum.add(*counts);
            }
        }
        sum
    }

    /// The number of callers of which a call was bad.
    pub(crate) fn callers_with(&self, is_bad: impl Fn(Counts) -> bool) -> usize {
        let latest = self
            .latest
            .iter()
            .map(|(caller, sample)| (*caller, Counts::of(*sample)));
        let slices = self.slices.iter().flat_map(|slice| &slice.callers);
        let all = latest.chain(slices.map(|(caller, counts)| (*caller, *counts)));
        let bad: HashSet<_> = all
            .filter(|(_, counts)| is_bad(*counts))
            .map(|(caller, _)| caller)
            .collect();
        bad.len()
    }

    /// Removes the calls of one caller.
    pub(crate) fn forget(&mut self, caller: Caller) {
        self.counts.remove(self.counts_of(caller));
        self.latest.retain(|(of, _)| *of != caller);
        for slice in &mut self.slices {
            if let Some(counts) = slice.callers.remove(&caller) {
                slice.all.remove(counts);
            }
        }
    }

    fn expire(&mut self, length: Duration, now: Instant) {
        while let Some(slice) = self.slices.front()
            && now.saturating_duration_since(slice.begun) >= length
        {
            self.counts.remove(slice.all);
            self.slices.pop_front();
        }
    }
}

impl Slice {
    fn add(&mut self, caller: Caller, sample: Sample) {
        let counts = Counts::of(sample);
        self.all.add(counts);
        if self.callers.len() < MAX_CALLERS || self.callers.contains_key(&caller) {
            self.callers.entry(caller).or_default().add(counts);
        }
    }
}
