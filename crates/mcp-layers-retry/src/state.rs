//! State that all services of a layer share.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

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
    pub(crate) retries: AtomicU64,
    pub(crate) out_of_attempts: AtomicU64,
    pub(crate) out_of_budget: AtomicU64,
    pub(crate) out_of_time: AtomicU64,
    pub(crate) unknown_outcomes: AtomicU64,
}

impl State {
    pub(crate) fn new(attempts: u32) -> Self {
        Self {
            attempts: AtomicU32::new(attempts),
            retries: AtomicU64::new(0),
            out_of_attempts: AtomicU64::new(0),
            out_of_budget: AtomicU64::new(0),
            out_of_time: AtomicU64::new(0),
            unknown_outcomes: AtomicU64::new(0),
        }
    }

    pub(crate) fn count_give_up(&self, reason: GiveUpReason) {
        let counter = match reason {
            GiveUpReason::Attempts => &self.out_of_attempts,
            GiveUpReason::Budget => &self.out_of_budget,
            GiveUpReason::Deadline => &self.out_of_time,
            _ => return,
        };
        counter.fetch_add(1, Relaxed);
    }
}
