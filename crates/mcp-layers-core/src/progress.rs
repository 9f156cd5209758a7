//! Progress of a request, and its waits for the client.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub use crate::input_wait::{InputWait, Waiting};

/// The time of a request's last progress notification (`notifications/progress`). Clones share it.
///
/// A layer that needs it calls
/// [`CallContext::watch_progress`](crate::CallContext::watch_progress). The adapter or the handler
/// that sends the notifications calls [`Progress::report`].
#[derive(Debug, Clone)]
pub struct Progress(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    start: Instant,
    /// Nanoseconds after `start`, plus one; 0 for no progress.
    last: AtomicU64,
}

impl Progress {
    /// No progress yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            start: Instant::now(),
            last: AtomicU64::new(0),
        }))
    }

    /// Records progress at the present time of the operating system's monotonic clock.
    pub fn report(&self) {
        self.report_at(Instant::now());
    }

    /// Records progress at the given time. A time before the latest one changes nothing.
    pub fn report_at(&self, at: Instant) {
        let after = at.saturating_duration_since(self.0.start).as_nanos();
        let after = u64::try_from(after).unwrap_or(u64::MAX).saturating_add(1);
        self.0.last.fetch_max(after, Ordering::AcqRel);
    }

    /// The time of the last progress; `None` before the first.
    #[must_use]
    pub fn last(&self) -> Option<Instant> {
        match self.0.last.load(Ordering::Acquire) {
            0 => None,
            after => self.0.start.checked_add(Duration::from_nanos(after - 1)),
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
