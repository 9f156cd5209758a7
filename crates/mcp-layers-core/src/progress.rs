//! Whether a request has reported progress.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// When a request last reported progress (`notifications/progress`). Clones, and so the copies of a
/// request, share it.
///
/// A layer that has to know asks for it with
/// [`CallContext::watch_progress`](crate::CallContext::watch_progress). Whoever sends or receives
/// the notifications of the request tells it with [`Progress::report`]: a handler, or an adapter
/// that sees them.
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

    /// Says that progress was reported now, by the monotonic clock of the operating system.
    pub fn report(&self) {
        self.report_at(Instant::now());
    }

    /// Says that progress was reported at that time. One before the latest report changes nothing.
    pub fn report_at(&self, at: Instant) {
        let after = at.saturating_duration_since(self.0.start).as_nanos();
        let after = u64::try_from(after).unwrap_or(u64::MAX).saturating_add(1);
        self.0.last.fetch_max(after, Ordering::AcqRel);
    }

    /// When progress was last reported; `None` before the first time.
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

#[cfg(test)]
mod tests {
    use super::Progress;
    use std::time::{Duration, Instant};

    #[test]
    fn the_latest_report_counts_and_clones_share_it() {
        let progress = Progress::new();
        assert_eq!(progress.last(), None);
        let now = Instant::now();
        progress.clone().report_at(now + Duration::from_secs(2));
        progress.report_at(now);
        assert_eq!(progress.last(), Some(now + Duration::from_secs(2)));
    }

    #[test]
    fn a_report_before_the_beginning_is_a_report() {
        let progress = Progress::new();
        progress.report_at(progress.0.start - Duration::from_secs(1));
        assert_eq!(progress.last(), Some(progress.0.start));
    }
}
