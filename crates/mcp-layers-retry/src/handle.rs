//! The handle, for operators.

use std::{
    num::NonZeroU32,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use crate::state::State;

/// A handle to the state of a [`RetryLayer`](crate::RetryLayer). Clones share it.
#[derive(Debug, Clone)]
pub struct RetryHandle {
    pub(crate) state: Arc<State>,
}

/// Numbers of a layer, since it was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryStats {
    /// Attempts after the first.
    pub retries: u64,
    /// Requests that failed with all their attempts.
    pub out_of_attempts: u64,
    /// Requests that were not repeated because the budget was spent.
    pub out_of_budget: u64,
    /// Requests that were not repeated because the next attempt would have begun after the deadline.
    pub out_of_time: u64,
    /// Calls of tools that failed, were not safe to repeat, and may have taken effect.
    pub unknown_outcomes: u64,
}

impl RetryHandle {
    /// The numbers of the layer.
    #[must_use]
    pub fn stats(&self) -> RetryStats {
        let state = &self.state;
        RetryStats {
            retries: state.retries.load(Relaxed),
            out_of_attempts: state.out_of_attempts.load(Relaxed),
            out_of_budget: state.out_of_budget.load(Relaxed),
            out_of_time: state.out_of_time.load(Relaxed),
            unknown_outcomes: state.unknown_outcomes.load(Relaxed),
        }
    }

    /// Sets the most attempts, the first included, for requests that begin from now on. One attempt
    /// turns retries off.
    pub fn set_attempts(&self, attempts: NonZeroU32) {
        self.state.attempts.store(attempts.get(), Relaxed);
    }
}
