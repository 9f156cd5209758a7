//! State that all services of a layer share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU32};

use mcp_layers_core::trail::GiveUpReason;

use crate::settings::Settings;

/// The parts that all services of a layer are made of.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) state: Arc<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    /// The most attempts of a request, the first included.
    pub(crate) attempts: AtomicU32,
    stats: Mutex<RetryStats>,
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
    /// Requests that were not repeated because the next attempt would have begun after the deadline, or
    /// because the answer asked for a longer wait than [`RetryLayer::max_retry_after`](crate::RetryLayer::max_retry_after).
    pub out_of_time: u64,
    /// Calls of tools that failed, were not safe to repeat, and may have taken effect.
    pub unknown_outcomes: u64,
}

impl State {
    pub(crate) fn new(attempts: u32) -> Self {
        Self {
            attempts: AtomicU32::new(attempts),
            stats: Mutex::default(),
        }
    }

    pub(crate) fn stats(&self) -> MutexGuard<'_, RetryStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count_give_up(&self, reason: GiveUpReason) {
        let mut stats = self.stats();
        match reason {
            GiveUpReason::Attempts => stats.out_of_attempts += 1,
            GiveUpReason::Budget => stats.out_of_budget += 1,
            GiveUpReason::Deadline | GiveUpReason::RetryAfter => stats.out_of_time += 1,
            _ => {}
        }
    }
}
