//! The handle, for operators.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::timer::Reached;

/// Numbers of requests that reached a limit.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    maximum: AtomicU64,
    idle: AtomicU64,
    input_wait: AtomicU64,
    deadline: AtomicU64,
}

impl Counters {
    pub(crate) fn count(&self, reached: Reached) {
        let counter = match reached {
            Reached::Maximum => &self.maximum,
            Reached::Idle => &self.idle,
            Reached::InputWait => &self.input_wait,
            Reached::Deadline => &self.deadline,
        };
        counter.fetch_add(1, Relaxed);
    }
}

/// A handle to the numbers of a [`TimeoutLayer`](crate::TimeoutLayer). Clones share them.
#[derive(Debug, Clone)]
pub struct TimeoutHandle {
    pub(crate) counters: Arc<Counters>,
}

/// The requests of a layer that reached a limit, since it was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeoutStats {
    /// The maximum.
    pub maximum: u64,
    /// The idle time.
    pub idle: u64,
    /// The longest time of waiting for the client.
    pub input_wait: u64,
    /// A deadline that the caller or an outer layer set.
    pub deadline: u64,
}

impl TimeoutHandle {
    /// The numbers of the layer.
    #[must_use]
    pub fn stats(&self) -> TimeoutStats {
        TimeoutStats {
            maximum: self.counters.maximum.load(Relaxed),
            idle: self.counters.idle.load(Relaxed),
            input_wait: self.counters.input_wait.load(Relaxed),
            deadline: self.counters.deadline.load(Relaxed),
        }
    }
}
