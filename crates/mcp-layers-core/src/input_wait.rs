//! The time that a request spends waiting for its client.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::{Duration, Instant},
};

use crate::Clock;

/// The time that a request spends waiting for its client: for a person who answers an elicitation,
/// for sampling, for the list of roots. Clones, and so the copies of a request, share it.
///
/// A layer that limits the time of requests asks for it with
/// [`CallContext::track_input_wait`](crate::CallContext::track_input_wait), and does not count the
/// time that it measures. Code that asks the client holds the guard of [`InputWait::begin`] while it
/// waits; `mcp_layers_rmcp::ask` does.
///
/// ```
/// use mcp_layers_core::{Clock, progress::InputWait};
/// use std::time::Duration;
///
/// let clock = Clock::manual();
/// let wait = InputWait::new(clock.clone());
/// let waiting = wait.begin();
/// clock.advance(Duration::from_secs(60));
/// assert!(wait.since().is_some());
/// drop(waiting);
/// assert_eq!((wait.finished(), wait.since()), (Duration::from_secs(60), None));
/// ```
#[derive(Debug, Clone)]
pub struct InputWait(Arc<Mutex<Waits>>);

#[derive(Debug, Default)]
struct Waits {
    clock: Clock,
    open: usize,
    /// The beginning of the wait that is open, or of the first of several.
    since: Option<Instant>,
    finished: Duration,
    last_end: Option<Instant>,
    /// The task that is woken when the wait ends.
    waker: Option<Waker>,
}

impl InputWait {
    /// A request that has not waited yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Mutex::new(Waits {
            clock,
            ..Waits::default()
        })))
    }

    /// Begins to wait. The wait ends when the guard is dropped. Waits that overlap count once.
    #[must_use]
    pub fn begin(&self) -> Waiting {
        let mut waits = self.lock();
        let now = waits.clock.now();
        waits.open += 1;
        waits.since.get_or_insert(now);
        drop(waits);
        Waiting(self.clone())
    }

    /// The total duration of the waits that have ended.
    #[must_use]
    pub fn finished(&self) -> Duration {
        self.lock().finished
    }

    /// The beginning of the wait that is open.
    #[must_use]
    pub fn since(&self) -> Option<Instant> {
        self.lock().since
    }

    /// The end of the latest wait.
    #[must_use]
    pub fn last_end(&self) -> Option<Instant> {
        self.lock().last_end
    }

    /// Wakes a task when the wait that is open ends, even if another task ends it. The latest waker
    /// counts.
    pub fn wake_at_end(&self, waker: &Waker) {
        self.lock().waker = Some(waker.clone());
    }

    fn end(&self) {
        let mut waits = self.lock();
        let now = waits.clock.now();
        waits.open = waits.open.saturating_sub(1);
        if waits.open == 0
            && let Some(since) = waits.since.take()
        {
            let waited = now.saturating_duration_since(since);
            waits.finished = waits.finished.saturating_add(waited);
            waits.last_end = Some(now);
            if let Some(waker) = waits.waker.take() {
                drop(waits);
                waker.wake();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait for the client that is open. Dropped, it ends.
#[derive(Debug)]
pub struct Waiting(InputWait);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.end();
    }
}
