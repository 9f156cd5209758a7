//! The settings of a log.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::Key;

/// The time at which records are safe on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncPolicy {
    /// Each record is written and synced separately before it is acknowledged.
    Each,
    /// Waiting records are written and synced together before they are acknowledged: one sync at a
    /// time.
    Batch,
    /// Records are written at once and synced this often, without acknowledgement. A crash of the
    /// process loses the queue; a crash of the machine loses the records that were not synced.
    Interval(Duration),
}

pub(crate) type Now = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Settings of a log; [`LogOptions::open`] opens it.
///
/// The file holds JSON lines: `{"n":7,"mac":"…","record":…}`. A full or old file is renamed to
/// `FILE.000001` and so on, and the chain continues in a new one. `FILE.lock` beside it keeps other
/// writers out; `FILE.checkpoint` states the end of the chain, so that a cut tail is noticed.
///
/// A log does not show that an older copy of the file *and* of its checkpoint was put in place. Each
/// checkpoint is also a `tracing` event (target `mcp_layers_audit::checkpoint`, level `DEBUG`), to be
/// kept elsewhere. A holder of the key can forge everything: an HMAC is no signature.
#[derive(Clone)]
pub struct LogOptions {
    pub(crate) key: Key,
    pub(crate) sync: SyncPolicy,
    pub(crate) max_bytes: u64,
    pub(crate) max_age: Option<Duration>,
    pub(crate) keep_segments: Option<usize>,
    pub(crate) checkpoint_every: Duration,
    pub(crate) retry_every: Duration,
    pub(crate) close_within: Duration,
    pub(crate) capacity: usize,
    pub(crate) now: Now,
}

impl LogOptions {
    /// A chain under this key, synced in batches, rotated at 64 MiB.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self {
            key: key.clone(),
            sync: SyncPolicy::Batch,
            max_bytes: 64 * 1024 * 1024,
            max_age: None,
            keep_segments: None,
            checkpoint_every: Duration::from_secs(1),
            retry_every: Duration::from_millis(250),
            close_within: Duration::from_secs(5),
            capacity: 8_192,
            now: Arc::new(SystemTime::now),
        }
    }

    /// Sets when records are safe; [`SyncPolicy::Batch`] by default.
    #[must_use]
    pub fn sync(mut self, sync: SyncPolicy) -> Self {
        self.sync = sync;
        self
    }

    /// Sets the size at which a file is rotated, in bytes; 64 MiB by default. A batch is not
    /// divided, so that a file can exceed this by one batch.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the age at which a file is rotated, when the next record comes; unlimited by default.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Deletes the oldest complete segments after a rotation, so that this many are left; by default
    /// all are kept. A `pruned` line in the chain notes it first.
    #[must_use]
    pub fn keep_segments(mut self, segments: usize) -> Self {
        self.keep_segments = Some(segments);
        self
    }

    /// Sets how many records may wait in the queue, reserved places included; 8,192 by default.
    #[must_use]
    pub fn capacity(mut self, records: usize) -> Self {
        self.capacity = records;
        self
    }

    /// Sets how often the checkpoint is written while records come; 1 s by default. It is always
    /// written when the log is closed.
    #[must_use]
    pub fn checkpoint_every(mut self, interval: Duration) -> Self {
        self.checkpoint_every = interval;
        self
    }

    /// Sets how long the writer waits before it retries a failed write; 250 ms by default.
    #[must_use]
    pub fn retry_every(mut self, interval: Duration) -> Self {
        self.retry_every = interval;
        self
    }

    /// Sets how long dropping the last handle waits at most, unless
    /// [`AuditLog::close`](crate::AuditLog::close) was called; 5 s by default.
    #[must_use]
    pub fn close_within(mut self, deadline: Duration) -> Self {
        self.close_within = deadline;
        self
    }

    /// Replaces the wall clock, for tests. The age of files and the times in lines of the log itself
    /// follow it.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.now = Arc::new(now);
        self
    }
}

impl fmt::Debug for LogOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogOptions")
            .field("sync", &self.sync)
            .field("max_bytes", &self.max_bytes)
            .field("max_age", &self.max_age)
            .field("keep_segments", &self.keep_segments)
            .field("capacity", &self.capacity)
            .field("checkpoint_every", &self.checkpoint_every)
            .field("retry_every", &self.retry_every)
            .field("close_within", &self.close_within)
            .finish_non_exhaustive()
    }
}
