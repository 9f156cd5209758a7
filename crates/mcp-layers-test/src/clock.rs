//! A clock that stands still until it is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use mcp_layers_core::Clock;

/// A clock that stands still until [`ManualClock::advance`] moves it. Clones share the time.
///
/// ```
/// use mcp_layers_core::Clock;
/// use mcp_layers_test::ManualClock;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let start = clock.now();
/// clock.clone().advance(Duration::from_secs(60));
/// assert_eq!(clock.now() - start, Duration::from_secs(60));
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock {
    start: Instant,
    nanos: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that stands at some moment.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            nanos: Arc::default(),
        }
    }

    /// Moves the time forward. The clock stops 584 years after its start.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let advance = |nanos: u64| Some(nanos.saturating_add(by));
        let _ = self
            .nanos
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, advance);
    }

    /// How far the clock was moved since it was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Acquire))
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.start + self.elapsed()
    }
}
