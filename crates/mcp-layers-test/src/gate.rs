//! A gate at which futures wait.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// A gate at which futures wait until a test opens it. Clones share the gate.
///
/// ```
/// use mcp_layers_test::{Gate, Task};
///
/// let gate = Gate::closed();
/// let mut task = Task::new(gate.passed());
/// assert!(task.poll().is_pending());
/// assert!(!task.is_woken());
///
/// gate.open();
/// assert!(task.is_woken());
/// assert!(task.poll().is_ready());
/// ```
#[derive(Clone)]
pub struct Gate {
    state: Arc<Mutex<State>>,
}

struct State {
    open: bool,
    waiting: Vec<Waker>,
}

impl Gate {
    /// A gate that is closed.
    #[must_use]
    pub fn closed() -> Self {
        Self::new(false)
    }

    /// A gate that is open.
    #[must_use]
    pub fn opened() -> Self {
        Self::new(true)
    }

    fn new(open: bool) -> Self {
        let state = State {
            open,
            waiting: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Opens the gate and wakes every waiting task.
    pub fn open(&self) {
        let waiting = {
            let mut state = self.lock();
            state.open = true;
            std::mem::take(&mut state.waiting)
        };
        for waker in waiting {
            waker.wake();
        }
    }

    /// Closes the gate.
    pub fn close(&self) {
        self.lock().open = false;
    }

    /// Returns true if the gate is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.lock().open
    }

    /// Ready while the gate is open. Otherwise keeps the context's waker until it opens.
    pub fn poll_passed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.open {
            return Poll::Ready(());
        }
        if !state
            .waiting
            .iter()
            .any(|waker| waker.will_wake(cx.waker()))
        {
            state.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Resolves once the gate is open.
    #[must_use]
    pub fn passed(&self) -> Passed {
        Passed { gate: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("open", &self.is_open())
            .finish()
    }
}

/// The future of [`Gate::passed`].
#[derive(Debug, Clone)]
pub struct Passed {
    gate: Gate,
}

impl Future for Passed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.gate.poll_passed(cx)
    }
}
