//! Records in a file: durable, rotated, chained.

use std::{
    fmt, io,
    num::{NonZeroU64, NonZeroUsize},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    task::{Context, Poll},
    thread::{JoinHandle, Thread},
    time::{Duration, Instant},
};

use mcp_layers_core::{Clock, SystemClock};

use crate::{Acknowledge, Encode, Json, Key, Loss, Offer, Receipt, Record, Sink, queue::Queue};

pub(crate) mod chain;
pub(crate) mod checkpoint;
mod control;
pub(crate) mod log;
pub(crate) mod repair;
pub(crate) mod segment;
mod writer;

use control::Control;
use log::Log;
use writer::Writer;

/// When records are safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sync {
    /// Each record is written and synced by itself before its request is answered.
    Each,
    /// Records that wait are written and synced together before their requests are answered: one
    /// sync at a time, whatever the load.
    Batch,
    /// Requests are answered at once; records are written at once and synced this often. A crash
    /// of the process loses what is still in the queue, one of the machine what was not synced.
    Interval(Duration),
}

/// How a file of records is kept.
///
/// The file is JSON lines. Each line has a number, an HMAC-SHA-256 over the HMAC of the line before,
/// the number and the record, and the record: `{"n":7,"mac":"…","record":{…}}`. When it is full or
/// old, it is renamed to `FILE.000001` and so on, and the chain goes on in a new one. Beside it lie
/// `FILE.lock`, which keeps other writers out, and `FILE.checkpoint`, which says where the chain
/// ends, so that a tail that was cut off is missed. [`verify`](crate::verify()) checks all of it.
///
/// What it does not show: that somebody put an older copy of the file *and* of its checkpoint in
/// place. Each checkpoint is emitted to `tracing` too (target `mcp_layers_audit::checkpoint`, level
/// `DEBUG`), to be kept elsewhere. Whoever has the key can forge
/// everything, for an HMAC is no signature.
pub struct FileOptions<E = Json, C = SystemClock> {
    pub(crate) key: Key,
    pub(crate) sync: Sync,
    pub(crate) max_bytes: NonZeroU64,
    pub(crate) max_age: Option<Duration>,
    pub(crate) checkpoint_every: Duration,
    pub(crate) retry_every: Duration,
    pub(crate) close_within: Duration,
    capacity: NonZeroUsize,
    pub(crate) encode: E,
    pub(crate) clock: C,
}

impl FileOptions {
    /// A chain under this key; synced in batches, rotated at 64 MiB.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self {
            key: key.clone(),
            sync: Sync::Batch,
            max_bytes: Self::DEFAULT_MAX_BYTES,
            max_age: None,
            checkpoint_every: Duration::from_secs(1),
            retry_every: Duration::from_millis(250),
            close_within: Duration::from_secs(5),
            capacity: Self::DEFAULT_CAPACITY,
            encode: Json::new(),
            clock: SystemClock::default(),
        }
    }

    /// How large a file gets unless [`FileOptions::max_bytes`] says otherwise: 64 MiB.
    pub const DEFAULT_MAX_BYTES: NonZeroU64 = NonZeroU64::MIN.saturating_add(64 * 1024 * 1024 - 1);

    /// How many records wait unless [`FileOptions::capacity`] says otherwise: 8,192.
    pub const DEFAULT_CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(8_191);
}

impl<E, C> FileOptions<E, C> {
    /// When records are safe; [`Sync::Batch`] by default.
    #[must_use]
    pub fn sync(mut self, sync: Sync) -> Self {
        self.sync = sync;
        self
    }

    /// How large a file gets before it is rotated, in bytes; 64 MiB by default. A batch is not
    /// divided, so that a file can become larger by one.
    #[must_use]
    pub fn max_bytes(mut self, bytes: NonZeroU64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How old a file gets before it is rotated, when the next record comes; by default it does not
    /// matter.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// How many records may wait, those counted that requests in flight will make; 8,192 by
    /// default.
    #[must_use]
    pub fn capacity(mut self, records: NonZeroUsize) -> Self {
        self.capacity = records;
        self
    }

    /// How often the checkpoint is moved on while there are records; 1 s by default. It is always
    /// moved on when the file is closed.
    #[must_use]
    pub fn checkpoint_every(mut self, interval: Duration) -> Self {
        self.checkpoint_every = interval;
        self
    }

    /// How long the writer waits before it tries again what failed; 250 ms by default.
    #[must_use]
    pub fn retry_every(mut self, interval: Duration) -> Self {
        self.retry_every = interval;
        self
    }

    /// How long the last sink of this file takes at most when it is dropped without
    /// [`FileSink::close`]; 5 s by default.
    #[must_use]
    pub fn close_within(mut self, deadline: Duration) -> Self {
        self.close_within = deadline;
        self
    }

    /// Writes another format; [`Json`] by default.
    #[must_use]
    pub fn encoder<E2: Encode>(self, encode: E2) -> FileOptions<E2, C> {
        FileOptions {
            key: self.key,
            sync: self.sync,
            max_bytes: self.max_bytes,
            max_age: self.max_age,
            checkpoint_every: self.checkpoint_every,
            retry_every: self.retry_every,
            close_within: self.close_within,
            capacity: self.capacity,
            encode,
            clock: self.clock,
        }
    }

    /// Reads elsewhere how old a file is; the default is the operating system's monotonic clock.
    #[must_use]
    pub fn clock<C2: Clock>(self, clock: C2) -> FileOptions<E, C2> {
        FileOptions {
            key: self.key,
            sync: self.sync,
            max_bytes: self.max_bytes,
            max_age: self.max_age,
            checkpoint_every: self.checkpoint_every,
            retry_every: self.retry_every,
            close_within: self.close_within,
            capacity: self.capacity,
            encode: self.encode,
            clock,
        }
    }

    /// Opens the file, repairs its tail if the last writer died while it wrote, and starts the
    /// thread that writes. Files are readable by their owner alone.
    ///
    /// # Errors
    /// `WouldBlock` when another writer has the file; `InvalidData` when the file does not verify,
    /// so that nothing is appended to a file that was tampered with; whatever the operating system
    /// says.
    pub fn open(self, path: impl AsRef<Path>) -> io::Result<FileSink>
    where
        E: Encode,
        C: Clock,
    {
        let log = Log::open(path.as_ref(), &self.key)?;
        let shared = Arc::new(Shared {
            queue: Queue::new(self.capacity.get()),
            durable: !matches!(self.sync, Sync::Interval(_)),
            control: Control::default(),
            trouble: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            written: AtomicU64::new(0),
        });
        let close_within = self.close_within;
        let writer = Writer::new(self, log, Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("mcp-layers-audit".to_owned())
            .spawn(move || writer.run())?;
        let owner = Owner {
            wake: thread.thread().clone(),
            shared,
            thread: Mutex::new(Some(thread)),
            close_within,
        };
        Ok(FileSink {
            owner: Arc::new(owner),
        })
    }
}

type Item = (Arc<Record>, Option<Acknowledge>);

/// What the sinks of a file share with its writer.
pub(crate) struct Shared {
    pub(crate) queue: Queue<Item>,
    durable: bool,
    pub(crate) control: Control,
    /// Whether the writer failed, or is gone.
    pub(crate) trouble: AtomicBool,
    /// Records that found no room, and requests that were refused, since the last gap record.
    pub(crate) dropped: AtomicU64,
    pub(crate) refused: AtomicU64,
    /// The same, since the file was opened.
    pub(crate) lost: AtomicU64,
    pub(crate) written: AtomicU64,
}

/// Appends records to a file. Clones are the same file; the last one closes it.
#[derive(Clone)]
pub struct FileSink {
    owner: Arc<Owner>,
}

struct Owner {
    shared: Arc<Shared>,
    wake: Thread,
    thread: Mutex<Option<JoinHandle<()>>>,
    close_within: Duration,
}

/// What became of the records of a file that was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// How many records were written since the file was opened.
    pub written: u64,
    /// How many were not, for want of room or time, requests that were refused counted. The file
    /// says so too, if it could be written.
    pub lost: u64,
}

impl FileSink {
    /// Waits until everything that was taken is written and synced.
    ///
    /// # Errors
    /// `TimedOut` when it is not within this time.
    pub fn flush(&self, within: Duration) -> io::Result<()> {
        let deadline = Instant::now() + within;
        let wait = self.owner.shared.control.flush();
        self.owner.wake.unpark();
        if wait.until(deadline) {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "audit records are not synced yet",
            ))
        }
    }

    /// Writes what waits, ends the file with a checkpoint, and lets go of it. What could not be
    /// written within this time is counted, in the answer and in the file. Afterwards the sink takes
    /// no records.
    pub fn close(&self, within: Duration) -> Closed {
        self.owner.close(within)
    }

    /// Whether the file cannot be written at present.
    #[must_use]
    pub fn in_trouble(&self) -> bool {
        self.owner.shared.trouble.load(Acquire)
    }

    /// How many records wait, those counted that requests in flight will make.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.owner.shared.queue.used()
    }

    /// How many records were written since the file was opened.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.owner.shared.written.load(Acquire)
    }

    /// How many records are missing in the file since it was opened, requests that were refused
    /// counted.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.owner.shared.lost.load(Acquire)
    }
}

impl Owner {
    fn close(&self, within: Duration) -> Closed {
        let deadline = Instant::now() + within;
        let wait = self.shared.control.close(deadline);
        self.wake.unpark();
        let done = wait.until(deadline);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if done && let Some(thread) = thread.take() {
            let _ = thread.join();
        }
        let left = if done {
            0
        } else {
            self.shared.queue.used() as u64
        };
        Closed {
            written: self.shared.written.load(Acquire),
            lost: self.shared.lost.load(Acquire) + left,
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.close(self.close_within);
    }
}

impl Sink for FileSink {
    fn reserve(&self) -> bool {
        let shared = &self.owner.shared;
        !self.in_trouble() && !shared.control.is_closed() && shared.queue.reserve()
    }

    fn release(&self) {
        self.owner.shared.queue.free(1);
    }

    fn offer(&self, record: &Arc<Record>, reserved: bool) -> Offer {
        let shared = &self.owner.shared;
        if shared.control.is_closed() {
            return Offer::NoRoom;
        }
        let (acknowledge, receipt) = match shared.durable.then(Receipt::new) {
            Some((acknowledge, receipt)) => (Some(acknowledge), Some(receipt)),
            None => (None, None),
        };
        if shared
            .queue
            .push((Arc::clone(record), acknowledge), reserved)
            .is_err()
        {
            return Offer::NoRoom;
        }
        if shared.control.is_gone() {
            // The writer went in between, and nobody else will tell who waits.
            while shared.queue.pop().is_some() {
                shared.queue.free(1);
                shared.lost(Loss::Dropped, 1);
            }
        }
        match receipt {
            Some(receipt) => {
                self.owner.wake.unpark();
                Offer::Unsynced(receipt)
            }
            None => {
                // The writer looks often enough by itself; waking it costs a system call.
                if shared.queue.len() >= shared.queue.capacity() / 2 {
                    self.owner.wake.unpark();
                }
                Offer::Taken
            }
        }
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.owner.shared.control.is_closed() {
            return Poll::Pending;
        }
        self.owner.shared.queue.poll_room(cx)
    }

    fn lost(&self, loss: Loss) {
        self.owner.shared.lost(loss, 1);
    }

    fn is_durable(&self) -> bool {
        self.owner.shared.durable
    }
}

impl Shared {
    pub(crate) fn lost(&self, loss: Loss, count: u64) {
        let counter = match loss {
            Loss::Dropped => &self.dropped,
            Loss::Refused => &self.refused,
        };
        counter.fetch_add(count, AcqRel);
        self.lost.fetch_add(count, Relaxed);
    }
}

impl fmt::Debug for FileSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSink")
            .field("queue", &self.owner.shared.queue)
            .field("in_trouble", &self.in_trouble())
            .finish_non_exhaustive()
    }
}

impl<E, C> fmt::Debug for FileOptions<E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileOptions")
            .field("sync", &self.sync)
            .field("max_bytes", &self.max_bytes)
            .field("max_age", &self.max_age)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
