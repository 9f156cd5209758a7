//! Where records go.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use crate::Record;

mod channel;
mod events;

pub use channel::{ChannelSink, Records};
pub use events::TracingSink;

/// Takes records. Nothing here may block: a sink queues, and does its work elsewhere.
pub trait Sink: Send + Sync + 'static {
    /// Sets room for one record aside, before a request runs; false while the sink is in trouble or
    /// full.
    fn reserve(&self) -> bool {
        true
    }

    /// Gives back room that was set aside and is not needed.
    fn release(&self) {}

    /// Takes a record. `reserved` says that room was set aside for it.
    fn offer(&self, record: &Arc<Record>, reserved: bool) -> Offer;

    /// Ready when there may be room again; else the context's waker is kept until then.
    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }

    /// Hears of a record that it will not get, so that it can say so where the record is missing.
    fn lost(&self, loss: Loss) {
        let _ = loss;
    }

    /// Whether [`Sink::offer`] gives receipts: records count only once they are synced.
    fn is_durable(&self) -> bool {
        false
    }
}

impl<S: Sink + ?Sized> Sink for Arc<S> {
    fn reserve(&self) -> bool {
        (**self).reserve()
    }

    fn release(&self) {
        (**self).release();
    }

    fn offer(&self, record: &Arc<Record>, reserved: bool) -> Offer {
        (**self).offer(record, reserved)
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_room(cx)
    }

    fn lost(&self, loss: Loss) {
        (**self).lost(loss);
    }

    fn is_durable(&self) -> bool {
        (**self).is_durable()
    }
}

/// What became of a record that a sink was offered.
#[derive(Debug)]
#[must_use]
pub enum Offer {
    /// The sink has it.
    Taken,
    /// The sink has it, and the receipt says when it is safe.
    Unsynced(Receipt),
    /// There is no room.
    NoRoom,
}

/// Why a sink does not get a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// The request ran, and its record found no room.
    Dropped,
    /// The request was refused without a record, because the sink was in trouble.
    Refused,
}

/// Says when a record is safe.
pub struct Receipt {
    shared: Arc<Mutex<State>>,
}

/// The sink's end of a [`Receipt`]. Dropped without a word, it says that the record is not safe.
pub struct Acknowledge {
    shared: Arc<Mutex<State>>,
}

enum State {
    Waiting(Option<Waker>),
    Synced,
    Failed,
}

impl Receipt {
    /// A receipt, and what a sink says into it.
    #[must_use]
    pub fn new() -> (Acknowledge, Self) {
        let shared = Arc::new(Mutex::new(State::Waiting(None)));
        let acknowledge = Acknowledge {
            shared: Arc::clone(&shared),
        };
        (acknowledge, Self { shared })
    }

    /// Ready with true once the record is synced, with false when it could not be.
    pub fn poll_synced(&self, cx: &mut Context<'_>) -> Poll<bool> {
        match &mut *lock(&self.shared) {
            State::Waiting(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
            State::Synced => Poll::Ready(true),
            State::Failed => Poll::Ready(false),
        }
    }
}

impl Acknowledge {
    /// The record is safe.
    pub fn synced(self) {
        self.say(State::Synced);
    }

    fn say(&self, state: State) {
        let before = std::mem::replace(&mut *lock(&self.shared), state);
        if let State::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl Drop for Acknowledge {
    fn drop(&mut self) {
        if matches!(*lock(&self.shared), State::Waiting(_)) {
            self.say(State::Failed);
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").finish_non_exhaustive()
    }
}

impl fmt::Debug for Acknowledge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acknowledge").finish_non_exhaustive()
    }
}

/// Nothing panics while it holds one of these locks.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
