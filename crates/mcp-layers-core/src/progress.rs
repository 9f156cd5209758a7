//! Progress of a request, and its waits for the client.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
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
    last: Mutex<Option<Instant>>,
}

impl Progress {
    /// No progress yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            start: Instant::now(),
            last: Mutex::default(),
        }))
    }

    /// Records progress at the present time of the operating system's monotonic clock.
    pub fn report(&self) {
        self.report_at(Instant::now());
    }

    /// Records progress at the given time. A time before the latest one changes nothing.
    pub fn report_at(&self, at: Instant) {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (*last).max(Some(at.max(self.0.start)));
    }

    /// The time of the last progress; `None` before the first.
    #[must_use]
    pub fn last(&self) -> Option<Instant> {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
