//! The state that the handles of a log share with its writer.

use std::sync::{
    Arc,
    atomic::{
        AtomicBool, AtomicU64,
        Ordering::{AcqRel, Acquire, Release},
    },
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Resolves when a record is synced, and fails when it could not be.
pub type Receipt = oneshot::Receiver<()>;

/// The reason why a record is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// The operation ran, and its record found no room.
    Dropped,
    /// The operation was refused because it could not be recorded.
    Refused,
}

/// The result of closing a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Records written since the log was opened.
    pub written: u64,
    /// Records that were not written, for lack of room or time, refused operations included. The file
    /// states the number too, if it could be written.
    pub lost: u64,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) room: Arc<Semaphore>,
    pub(crate) capacity: usize,
    /// True if records are acknowledged.
    pub(crate) durable: bool,
    /// True if the writer failed, or is gone.
    degraded: AtomicBool,
    /// Missing records since the last gap line.
    pub(crate) dropped: AtomicU64,
    pub(crate) refused: AtomicU64,
    /// Missing records since the log was opened.
    missing: AtomicU64,
    written: AtomicU64,
}

impl Shared {
    pub(crate) fn new(capacity: usize, durable: bool) -> Self {
        Self {
            room: Arc::new(Semaphore::new(capacity)),
            capacity,
            durable,
            degraded: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            missing: AtomicU64::new(0),
            written: AtomicU64::new(0),
        }
    }

    pub(crate) fn lost(&self, loss: Loss) {
        let counter = match loss {
            Loss::Dropped => &self.dropped,
            Loss::Refused => &self.refused,
        };
        counter.fetch_add(1, AcqRel);
        self.missing.fetch_add(1, AcqRel);
    }

    pub(crate) fn is_degraded(&self) -> bool {
        self.degraded.load(Acquire)
    }

    pub(crate) fn set_degraded(&self, degraded: bool) {
        self.degraded.store(degraded, Release);
    }

    /// Places that are taken, those of reserved records included.
    pub(crate) fn waiting(&self) -> usize {
        self.capacity.saturating_sub(self.room.available_permits())
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Acquire)
    }

    pub(crate) fn missing(&self) -> u64 {
        self.missing.load(Acquire)
    }
}

/// A record in the queue. Dropped before it is written, it counts as missing.
pub(crate) struct Entry<T> {
    pub(crate) item: T,
    /// Fails its [`Receipt`] when dropped.
    pub(crate) synced: Option<oneshot::Sender<()>>,
    shared: Arc<Shared>,
    done: bool,
    _room: OwnedSemaphorePermit,
}

impl<T> Entry<T> {
    /// An entry, and its receipt if the log acknowledges records.
    pub(crate) fn new(
        item: T,
        room: OwnedSemaphorePermit,
        shared: &Arc<Shared>,
    ) -> (Self, Option<Receipt>) {
        let (synced, receipt) = shared.durable.then(oneshot::channel).unzip();
        let entry = Self {
            item,
            synced,
            shared: Arc::clone(shared),
            done: false,
            _room: room,
        };
        (entry, receipt)
    }

    /// The record is written, and synced if it has a receipt.
    pub(crate) fn written(mut self) {
        self.done = true;
        self.shared.written.fetch_add(1, AcqRel);
        if let Some(synced) = self.synced.take() {
            let _ = synced.send(());
        }
    }

    /// The record was not taken, and its owner counts it.
    pub(crate) fn refused(mut self) {
        self.done = true;
    }
}

impl<T> Drop for Entry<T> {
    fn drop(&mut self) {
        if !self.done {
            self.shared.lost(Loss::Dropped);
        }
    }
}
