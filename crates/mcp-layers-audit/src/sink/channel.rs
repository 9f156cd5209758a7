//! To whoever reads them in this process.

use std::{
    fmt,
    future::poll_fn,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

use super::{Loss, Offer, Sink, lock};
use crate::{Record, queue::Queue};

/// Hands records to a [`Records`] in the same process.
#[derive(Clone)]
pub struct ChannelSink {
    shared: Arc<Shared>,
}

/// The records of a [`ChannelSink`]. Dropped, it leaves the sink without room.
pub struct Records {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Queue<Arc<Record>>,
    reader: Mutex<Option<Waker>>,
    /// Whether somebody reads.
    read: AtomicBool,
    dropped: AtomicU64,
    refused: AtomicU64,
}

impl ChannelSink {
    /// A sink for at most `capacity` records that nobody has read yet, and its other end.
    #[must_use]
    pub fn bounded(capacity: NonZeroUsize) -> (Self, Records) {
        let shared = Arc::new(Shared {
            queue: Queue::new(capacity.get()),
            reader: Mutex::default(),
            read: AtomicBool::new(true),
            dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        let sink = Self {
            shared: Arc::clone(&shared),
        };
        (sink, Records { shared })
    }
}

impl Records {
    /// The next record, if there is one.
    pub fn try_next(&mut self) -> Option<Arc<Record>> {
        let record = self.shared.queue.pop()?;
        self.shared.queue.free(1);
        Some(record)
    }

    /// The next record, as soon as there is one. It waits for ever where every sink is gone.
    pub async fn next(&mut self) -> Arc<Record> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Arc<Record>> {
        if let Some(record) = self.try_next() {
            return Poll::Ready(record);
        }
        *lock(&self.shared.reader) = Some(cx.waker().clone());
        self.try_next().map_or(Poll::Pending, Poll::Ready)
    }

    /// How many records found no room, since this was asked last.
    pub fn take_dropped(&mut self) -> u64 {
        self.shared.dropped.swap(0, SeqCst)
    }

    /// How many requests were refused for want of room, since this was asked last.
    pub fn take_refused(&mut self) -> u64 {
        self.shared.refused.swap(0, SeqCst)
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.shared.read.store(false, SeqCst);
    }
}

impl Sink for ChannelSink {
    fn reserve(&self) -> bool {
        self.shared.read.load(SeqCst) && self.shared.queue.reserve()
    }

    fn release(&self) {
        self.shared.queue.free(1);
    }

    fn offer(&self, record: &Arc<Record>, reserved: bool) -> Offer {
        let read = self.shared.read.load(SeqCst);
        if !read
            || self
                .shared
                .queue
                .push(Arc::clone(record), reserved)
                .is_err()
        {
            return Offer::NoRoom;
        }
        if let Some(reader) = lock(&self.shared.reader).take() {
            reader.wake();
        }
        Offer::Taken
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.read.load(SeqCst) {
            self.shared.queue.poll_room(cx)
        } else {
            Poll::Pending
        }
    }

    fn lost(&self, loss: Loss) {
        match loss {
            Loss::Dropped => self.shared.dropped.fetch_add(1, SeqCst),
            Loss::Refused => self.shared.refused.fetch_add(1, SeqCst),
        };
    }
}

impl fmt::Debug for ChannelSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSink")
            .field("queue", &self.shared.queue)
            .finish()
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("queue", &self.shared.queue)
            .finish()
    }
}
