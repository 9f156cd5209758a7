//! A monotonic clock that tests can hold.

use std::time::Instant;

/// Where a layer reads the time. Layers take it as a parameter, so that tests need not sleep.
pub trait Clock: Clone + Send + Sync + 'static {
    /// Now. Never earlier than before.
    fn now(&self) -> Instant;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
}

impl Clock for crate::clock::Clock {
    fn now(&self) -> Instant {
        Self::now(self)
    }
}
