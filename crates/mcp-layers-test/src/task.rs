//! A future that a test polls by hand.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// A future that a test polls by hand, and that records wake-ups.
///
/// ```
/// use mcp_layers_test::{MockService, Task, requests};
/// use tower_service::Service;
///
/// let mut mock = MockService::new();
/// let mut call = Task::new(mock.call(requests::call_tool(1, "echo", serde_json::json!({}))));
/// assert!(call.poll().is_ready());
/// ```
#[must_use = "a task does nothing unless it is polled"]
pub struct Task<F> {
    future: Pin<Box<F>>,
    flag: Arc<Flag>,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl<F: Future> Task<F> {
    /// Creates a task. It was not polled yet.
    pub fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            flag: Arc::new(Flag(AtomicBool::new(false))),
        }
    }

    /// Polls the future once.
    pub fn poll(&mut self) -> Poll<F::Output> {
        self.flag.0.store(false, Ordering::Release);
        let waker = Waker::from(self.flag.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

impl<F> Task<F> {
    /// Returns true if the future was woken since its last poll.
    #[must_use]
    pub fn is_woken(&self) -> bool {
        self.flag.0.load(Ordering::Acquire)
    }
}

impl<F> fmt::Debug for Task<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("woken", &self.is_woken())
            .finish_non_exhaustive()
    }
}
