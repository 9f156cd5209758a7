//! What the layer did, for operators.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

use crate::{Budget, decide::Stop};

/// What a layer did, and its number of attempts, to be changed while it runs. Clones are the same.
#[derive(Debug, Clone)]
pub struct RetryHandle {
    pub(crate) attempts: Arc<AtomicU32>,
    pub(crate) budget: Budget,
    pub(crate) counts: Arc<Counts>,
}

/// What a layer did since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryCounts {
    /// Attempts after the first.
    pub retries: u64,
    /// Requests that failed with all their attempts.
    pub out_of_attempts: u64,
    /// Requests that were not repeated because the budget was spent.
    pub out_of_budget: u64,
    /// Requests that were not repeated because their deadline came first.
    pub out_of_time: u64,
    /// `tools/call` that failed, was not safe to repeat, and may have run.
    pub unknown_outcomes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    retries: AtomicU64,
    attempts: AtomicU64,
    budget: AtomicU64,
    deadline: AtomicU64,
    unknown: AtomicU64,
}

impl Counts {
    pub(crate) fn retry(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    pub(crate) fn unknown(&self) {
        self.unknown.fetch_add(1, Relaxed);
    }

    pub(crate) fn gave_up(&self, stop: Stop) {
        let count = match stop {
            Stop::Attempts => &self.attempts,
            Stop::Budget => &self.budget,
            Stop::Deadline => &self.deadline,
            _ => return,
        };
        count.fetch_add(1, Relaxed);
    }
}

impl RetryHandle {
    /// What the layer did so far.
    #[must_use]
    pub fn counts(&self) -> RetryCounts {
        let counts = &self.counts;
        RetryCounts {
            retries: counts.retries.load(Relaxed),
            out_of_attempts: counts.attempts.load(Relaxed),
            out_of_budget: counts.budget.load(Relaxed),
            out_of_time: counts.deadline.load(Relaxed),
            unknown_outcomes: counts.unknown.load(Relaxed),
        }
    }

    /// The budget.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Sets how many attempts there may be, the first included, for requests that begin from now
    /// on. One attempt turns retries off.
    pub fn set_attempts(&self, attempts: NonZeroU32) {
        self.attempts.store(attempts.get(), Relaxed);
    }
}
