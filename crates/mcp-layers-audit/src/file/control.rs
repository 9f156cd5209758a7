//! What a writer is asked to do besides writing.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
    time::Instant,
};

use crate::sink::lock;

/// Requests to a writer.
#[derive(Default)]
pub(crate) struct Control {
    closed: AtomicBool,
    gone: AtomicBool,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    flush: Vec<Wait>,
    /// Until when the file is to be closed, and who waits for it.
    close: Option<Instant>,
    closing: Vec<Wait>,
}

impl Control {
    pub(crate) fn flush(&self) -> Wait {
        let wait = Wait::default();
        let mut asked = lock(&self.asked);
        if self.is_gone() {
            wait.done();
        }
        asked.flush.push(wait.clone());
        wait
    }

    /// Closes the file; the first deadline that is given counts.
    pub(crate) fn close(&self, deadline: Instant) -> Wait {
        let wait = Wait::default();
        self.closed.store(true, Release);
        let mut asked = lock(&self.asked);
        if self.is_gone() {
            wait.done();
        }
        asked.close.get_or_insert(deadline);
        asked.closing.push(wait.clone());
        wait
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
    }

    pub(crate) fn take_flushes(&self) -> Vec<Wait> {
        std::mem::take(&mut lock(&self.asked).flush)
    }

    pub(crate) fn closing(&self) -> Option<Instant> {
        lock(&self.asked).close
    }

    /// Whether the writer is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Acquire)
    }

    /// The writer is gone: whoever waits, now or later, does so no more.
    pub(crate) fn finish(&self) {
        self.closed.store(true, Release);
        let mut asked = lock(&self.asked);
        self.gone.store(true, Release);
        let closing = std::mem::take(&mut asked.closing);
        let flush = std::mem::take(&mut asked.flush);
        closing.iter().chain(&flush).for_each(Wait::done);
    }
}

/// Something to wait for.
#[derive(Clone, Default)]
pub(crate) struct Wait {
    shared: Arc<(Mutex<bool>, Condvar)>,
}

impl Wait {
    pub(crate) fn done(&self) {
        *lock(&self.shared.0) = true;
        self.shared.1.notify_all();
    }

    /// Whether it was done before the deadline.
    pub(crate) fn until(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let (lock, condvar) = &*self.shared;
        let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, _) = condvar
            .wait_timeout_while(guard, left, |done| !*done)
            .unwrap_or_else(PoisonError::into_inner);
        *done
    }
}
