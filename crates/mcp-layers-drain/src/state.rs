//! The state that all clones of a layer share.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The requests in flight, and the two signals that end them.
#[derive(Debug)]
pub(crate) struct State {
    /// Requests in flight, long-lived ones included.
    pub(crate) in_flight: TaskTracker,
    /// Cancelled when a drain begins.
    pub(crate) draining: CancellationToken,
    /// Cancelled when its limit is reached.
    pub(crate) cut: CancellationToken,
    /// False after [`DrainHandle::set_ready`](crate::DrainHandle::set_ready) with `false`.
    pub(crate) ready: AtomicBool,
    pub(crate) refused: AtomicU64,
    pub(crate) ended: AtomicUsize,
    pub(crate) cut_requests: AtomicUsize,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            in_flight: TaskTracker::new(),
            draining: CancellationToken::new(),
            cut: CancellationToken::new(),
            ready: AtomicBool::new(true),
            refused: AtomicU64::new(0),
            ended: AtomicUsize::new(0),
            cut_requests: AtomicUsize::new(0),
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Relaxed) && !self.draining.is_cancelled()
    }
}
