//! At most one log line a second about a failure that repeats.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const INTERVAL: Duration = Duration::from_secs(1);

/// Decides when a repeated failure, and its end, are worth a line in the log: one line a second, with
/// a count of the failures since the previous line.
#[derive(Debug, Default)]
pub struct Throttle {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The earliest time of the next line.
    next: Option<Instant>,
    failures: u64,
    /// True if a line reported the present failure.
    reported: bool,
}

impl Throttle {
    /// Counts a failure; the count when a line is due.
    pub fn failed(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures += 1;
        if state.next.is_some_and(|next| now < next) {
            return None;
        }
        state.next = now.checked_add(INTERVAL);
        state.reported = true;
        Some(std::mem::take(&mut state.failures))
    }

    /// True if the end of the failure deserves a line: if the failure itself had one. The next
    /// failure then waits for a second more.
    pub fn recovered(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.reported {
            state.next = state.next.and_then(|next| next.checked_add(INTERVAL));
        }
        std::mem::take(&mut state.reported)
    }
}
