//! The handle of a log.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    LogOptions, SyncPolicy,
    files::of_process,
    segment::Segment,
    shared::{Closed, Entry, Loss, Receipt, Shared},
    writer::{Command, Writer},
};

impl LogOptions {
    /// Opens a log of texts. Each becomes a JSON string.
    ///
    /// # Errors
    /// As [`LogOptions::open_with`].
    pub fn open(self, path: impl AsRef<Path>) -> io::Result<AuditLog> {
        self.open_with(path, |text: &String, out: &mut Vec<u8>| {
            let json = serde_json::Value::from(text.as_str());
            out.extend_from_slice(json.to_string().as_bytes());
        })
    }

    /// Opens a log whose records are encoded by `write`, on the writer's thread. It appends one JSON
    /// value without a line break; a text with a line break, or one that looks like a line of the
    /// log itself, becomes a JSON string.
    ///
    /// `{pid}` in the path is replaced by the id of this process, so that several processes started
    /// with the same settings each have a log. A torn tail is repaired if the last writer died while
    /// it wrote. Files are readable by their owner only.
    ///
    /// # Errors
    /// `WouldBlock` when another writer has the file; `InvalidData` when the file does not verify, so
    /// that nothing is appended to a changed file; `InvalidInput` for a capacity, a size or an age of zero;
    /// errors of the operating system.
    pub fn open_with<T, W>(self, path: impl AsRef<Path>, write: W) -> io::Result<AuditLog<T>>
    where
        T: Send + 'static,
        W: Fn(&T, &mut Vec<u8>) + Send + 'static,
    {
        let places = 1..=Semaphore::MAX_PERMITS;
        let no_age = self.max_age.is_some_and(|age| age.is_zero());
        if !places.contains(&self.capacity) || self.max_bytes == 0 || no_age {
            let message =
                "the capacity, the maximum size and the maximum age of a log are not zero";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let path = of_process(path.as_ref());
        let segment = Segment::open(&path, &self.key, Arc::clone(&self.now))?;
        let durable = !matches!(self.sync, SyncPolicy::Interval(_));
        let shared = Arc::new(Shared::new(self.capacity, durable));
        let close_within = self.close_within;
        let (commands, received) = mpsc::channel();
        let writer = Writer::new(self, write, segment, Arc::clone(&shared), received);
        let thread = std::thread::Builder::new()
            .name("mcp-layers-audit".to_owned())
            .spawn(move || writer.run())?;
        Ok(AuditLog {
            owner: Arc::new(Owner {
                path,
                shared,
                commands,
                thread: Mutex::new(Some(thread)),
                close_within,
            }),
        })
    }
}

/// An append-only log. Clones share the file; dropping the last one closes it.
pub struct AuditLog<T = String> {
    owner: Arc<Owner<T>>,
}

struct Owner<T> {
    path: PathBuf,
    shared: Arc<Shared>,
    commands: Sender<Command<T>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    close_within: Duration,
}

impl<T> AuditLog<T> {
    /// Appends a record if there is room. The receipt, if the log is durable, resolves when the record
    /// is synced.
    ///
    /// # Errors
    /// `WouldBlock` when the queue is full, `BrokenPipe` when the log is closed. The record is then
    /// counted as dropped, in the chain too as soon as it can be.
    pub fn append(&self, record: T) -> io::Result<Option<Receipt>> {
        let shared = &self.owner.shared;
        let room = match Arc::clone(&shared.room).try_acquire_owned() {
            Ok(room) => room,
            Err(error) => {
                shared.lost(Loss::Dropped);
                return Err(match error {
                    tokio::sync::TryAcquireError::NoPermits => {
                        io::Error::new(io::ErrorKind::WouldBlock, "the queue of the log is full")
                    }
                    tokio::sync::TryAcquireError::Closed => closed(),
                });
            }
        };
        let appended = self.append_reserved(record, room);
        if appended.is_err() {
            shared.lost(Loss::Dropped);
        }
        appended
    }

    /// Appends a record whose place was reserved from [`AuditLog::room`].
    ///
    /// # Errors
    /// `BrokenPipe` when the log is closed. The record is not counted.
    pub fn append_reserved(
        &self,
        record: T,
        room: OwnedSemaphorePermit,
    ) -> io::Result<Option<Receipt>> {
        let (entry, receipt) = Entry::new(record, room, &self.owner.shared);
        match self.owner.commands.send(Command::Append(entry)) {
            Ok(()) => Ok(receipt),
            Err(error) => {
                if let Command::Append(entry) = error.0 {
                    entry.refused();
                }
                Err(closed())
            }
        }
    }

    /// The free places of the queue: a place is taken by a permit until its record is written. The
    /// semaphore is closed with the log.
    #[must_use]
    pub fn room(&self) -> &Arc<Semaphore> {
        &self.owner.shared.room
    }

    /// The number of places of the queue.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.owner.shared.capacity
    }

    /// Counts a record that this log does not get, in the chain too as soon as it can be.
    pub fn lost(&self, loss: Loss) {
        self.owner.shared.lost(loss);
    }

    /// Waits until all records appended so far are written and synced. Blocks the thread.
    ///
    /// # Errors
    /// `TimedOut` when it takes longer than `within`; `BrokenPipe` when the writer is gone.
    pub fn flush(&self, within: Duration) -> io::Result<()> {
        let (done, flushed) = mpsc::channel();
        self.owner.send(Command::Flush(done))?;
        flushed.recv_timeout(within).map_err(|error| match error {
            RecvTimeoutError::Timeout => {
                io::Error::new(io::ErrorKind::TimedOut, "records are not synced yet")
            }
            RecvTimeoutError::Disconnected => closed(),
        })
    }

    /// Notes in the chain that the complete segments up to number `through` leave the folder. Once
    /// this has returned, they can be moved to an archive, and the rest still verifies. Blocks the
    /// thread.
    ///
    /// # Errors
    /// `InvalidInput` when that segment is not complete; `BrokenPipe` when the writer is gone; errors
    /// of the operating system.
    pub fn prune(&self, through: u64) -> io::Result<()> {
        let (done, pruned) = mpsc::channel();
        self.owner.send(Command::Prune(through, done))?;
        pruned.recv().unwrap_or_else(|_| Err(closed()))
    }

    /// Writes what waits, appends a `closed` line and a checkpoint, and releases the file. Records
    /// that could not be written within this time are counted in the result and in the file.
    /// Afterwards the log takes no records. Blocks the thread; `Duration::MAX` means no limit.
    pub fn close(&self, within: Duration) -> Closed {
        self.owner.close(within)
    }

    /// The path, with the process id in the place of `{pid}`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.owner.path
    }

    /// True if the file cannot be written at present, or the log is closed.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.owner.shared.is_degraded()
    }

    /// The number of records in the queue, reserved places included.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.owner.shared.waiting()
    }

    /// The number of records missing since the log was opened, refused operations included.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.owner.shared.missing()
    }
}

impl<T> Owner<T> {
    fn send(&self, command: Command<T>) -> io::Result<()> {
        self.commands.send(command).map_err(|_| closed())
    }

    fn close(&self, within: Duration) -> Closed {
        self.shared.room.close();
        let (ended, end) = mpsc::channel();
        let deadline = Instant::now().checked_add(within);
        let sent = self.send(Command::Close(deadline, ended));
        let done = sent.is_err() || end.recv_timeout(within) == Err(RecvTimeoutError::Disconnected);
        let left = if done {
            let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
            0
        } else {
            self.shared.waiting() as u64
        };
        Closed {
            written: self.shared.written(),
            lost: self.shared.missing() + left,
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the log is closed")
}

impl<T> Drop for Owner<T> {
    fn drop(&mut self) {
        self.close(self.close_within);
    }
}

impl<T> Clone for AuditLog<T> {
    fn clone(&self) -> Self {
        Self {
            owner: Arc::clone(&self.owner),
        }
    }
}

impl<T> fmt::Debug for AuditLog<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("path", &self.owner.path)
            .field("shared", &self.owner.shared)
            .finish_non_exhaustive()
    }
}
