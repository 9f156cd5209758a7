//! The handle, for operators.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A handle to the numbers of a [`TimeoutLayer`](crate::TimeoutLayer). Clones share them.
#[derive(Debug, Clone, Default)]
pub struct TimeoutHandle(Arc<Mutex<TimeoutStats>>);

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
        *self.lock()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, TimeoutStats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
