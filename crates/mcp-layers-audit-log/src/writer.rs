//! The thread that writes.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::Ordering::{AcqRel, Acquire},
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    LogOptions, SyncPolicy,
    control::{Control, escape_record},
    segment::{Segment, Tampering},
    shared::{Entry, Shared},
    throttle::Throttle,
};

/// The number of records that are written together at most.
const BATCH: usize = 1024;
/// The longest time for which the writer sleeps: losses are noted this often.
const TICK: Duration = Duration::from_secs(1);

/// A request to the writer.
pub(crate) enum Command<T> {
    Append(Entry<T>),
    /// Answers when all earlier records are synced.
    Flush(Sender<()>),
    Prune(u64, Sender<io::Result<()>>),
    /// Ends the writer by this time, if any; the sender is dropped when it has ended.
    Close(Option<Instant>, Sender<()>),
}

pub(crate) struct Writer<T, W> {
    options: LogOptions,
    write: W,
    segment: Segment,
    shared: Arc<Shared>,
    commands: Receiver<Command<T>>,
    /// Records that are not written yet, oldest first.
    pending: VecDeque<Entry<T>>,
    /// The number of records received, and of those that are written or abandoned.
    received: u64,
    settled: u64,
    /// Flushes, each with the number of records it waits for.
    flushes: Vec<(u64, Sender<()>)>,
    closing: Option<Closing>,
    /// The time since when written records are not synced.
    unsynced: Option<Instant>,
    checkpointed: Option<Instant>,
    failed: Option<Failed>,
    throttle: Throttle,
}

struct Closing {
    deadline: Option<Instant>,
    _ended: Vec<Sender<()>>,
}

/// The last attempt failed; the next one is due at this time, or never.
struct Failed {
    retry: Option<Instant>,
}

impl<T, W: Fn(&T, &mut Vec<u8>)> Writer<T, W> {
    pub(crate) fn new(
        options: LogOptions,
        write: W,
        segment: Segment,
        shared: Arc<Shared>,
        commands: Receiver<Command<T>>,
    ) -> Self {
        Self {
            options,
            write,
            segment,
            shared,
            commands,
            pending: VecDeque::new(),
            received: 0,
            settled: 0,
            flushes: Vec::new(),
            closing: None,
            unsynced: None,
            checkpointed: None,
            failed: None,
            throttle: Throttle::default(),
        }
    }

    pub(crate) fn run(mut self) {
        loop {
            self.receive();
            let expired = self.closing.as_ref().is_some_and(|closing| {
                closing
                    .deadline
                    .is_some_and(|deadline| Instant::now() >= deadline)
            });
            let asked = self.closing.is_some() || !self.flushes.is_empty();
            if !asked && self.retry_in().is_some_and(|wait| !wait.is_zero()) {
                continue;
            }
            if expired {
                self.settled += self.pending.len() as u64;
                self.pending.clear();
            }
            let done = self.write_batch().and_then(|()| self.settle(asked));
            let idle = done.is_ok() && self.pending.is_empty();
            self.report(&done);
            if done.is_ok() {
                self.answer_flushes();
            }
            if self.closing.is_some() && (idle || expired) {
                break;
            }
        }
        if let Err(error) = self.close() {
            tracing::error!(target: "mcp_layers_audit", %error, "the audit file was not closed");
        }
    }

    fn close(&mut self) -> io::Result<()> {
        if self.segment.ended {
            self.segment.rotate()?;
        }
        let time = self.segment.time();
        self.segment.note(&Control::Closed { time })?;
        self.segment.checkpoint()
    }

    /// The time until the next attempt after a failure.
    fn retry_in(&self) -> Option<Duration> {
        let failed = self.failed.as_ref()?;
        Some(failed.retry.map_or(Duration::MAX, |retry| {
            retry.saturating_duration_since(Instant::now())
        }))
    }

    /// The time for which there is nothing to do unless a command comes.
    fn sleep(&self) -> Duration {
        if let Some(wait) = self.retry_in() {
            let left = self.closing.as_ref().and_then(|closing| closing.deadline);
            let left = left.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            return wait.min(left.unwrap_or(Duration::MAX));
        }
        if !self.pending.is_empty() {
            return Duration::ZERO;
        }
        let mut sleep = TICK;
        if self.segment.ahead {
            sleep = sleep.min(self.options.checkpoint_every);
        }
        if let (Some(_), SyncPolicy::Interval(interval)) = (self.unsynced, self.options.sync) {
            sleep = sleep.min(interval);
        }
        sleep.max(Duration::from_millis(1))
    }

    /// Waits for a command, and takes all that are there.
    fn receive(&mut self) {
        match self.commands.recv_timeout(self.sleep()) {
            Ok(command) => self.accept(command),
            Err(RecvTimeoutError::Timeout) => return,
            // A handle sends `Close` before it is dropped.
            Err(RecvTimeoutError::Disconnected) => {
                self.closing.get_or_insert(Closing {
                    deadline: Some(Instant::now()),
                    _ended: Vec::new(),
                });
            }
        }
        while let Ok(command) = self.commands.try_recv() {
            self.accept(command);
        }
    }

    fn accept(&mut self, command: Command<T>) {
        match command {
            Command::Append(mut entry) => {
                if self.failed.is_some() {
                    entry.synced = None;
                }
                self.received += 1;
                self.pending.push_back(entry);
            }
            Command::Flush(done) => self.flushes.push((self.received, done)),
            Command::Prune(through, done) => {
                let _ = done.send(self.segment.prune(through));
            }
            Command::Close(deadline, ended) => match &mut self.closing {
                Some(closing) => closing._ended.push(ended),
                None => {
                    self.closing = Some(Closing {
                        deadline,
                        _ended: vec![ended],
                    });
                }
            },
        }
    }

    /// Writes the oldest records, and before them the number of missing ones.
    fn write_batch(&mut self) -> io::Result<()> {
        let dropped = self.shared.dropped.load(Acquire);
        let refused = self.shared.refused.load(Acquire);
        let gap = (dropped + refused > 0).then(|| Control::Gap {
            time: self.segment.time(),
            dropped,
            refused,
        });
        if self.pending.is_empty() && gap.is_none() {
            return Ok(());
        }
        self.rotate_if_due()?;
        let most = match self.options.sync {
            SyncPolicy::Each => 1,
            SyncPolicy::Batch | SyncPolicy::Interval(_) => BATCH,
        };
        let count = self.pending.len().min(most);
        let (write, pending) = (&self.write, &self.pending);
        let mut body = Vec::new();
        self.segment.commit(self.shared.durable, |chain, out| {
            if let Some(gap) = gap {
                chain.append(&gap.to_body(), out);
            }
            for entry in pending.iter().take(count) {
                body.clear();
                write(&entry.item, &mut body);
                escape_record(&mut body);
                chain.append(&body, out);
            }
        })?;
        self.shared.dropped.fetch_sub(dropped, AcqRel);
        self.shared.refused.fetch_sub(refused, AcqRel);
        self.pending.drain(..count).for_each(Entry::written);
        self.settled += count as u64;
        if !self.shared.durable {
            self.unsynced.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    fn rotate_if_due(&mut self) -> io::Result<()> {
        let tampering = self.segment.tampering()?;
        let age = self.segment.begun.and_then(|begun| {
            let now = (self.options.now)();
            now.duration_since(begun).ok()
        });
        let old = self
            .options
            .max_age
            .zip(age)
            .is_some_and(|(most, age)| age >= most);
        let full = self.segment.len >= self.options.max_bytes;
        let segment = self.segment.number;
        match tampering {
            Tampering::Truncated(left) => {
                tracing::error!(
                    target: "mcp_layers_audit",
                    segment,
                    "another program truncated the audit file; the chain continues in a new segment. \
                     If there is a copy, put it beside the file under the number of the segment",
                );
                self.segment.replace_truncated(left)?;
            }
            Tampering::Moved if !self.segment.ended => {
                tracing::error!(
                    target: "mcp_layers_audit",
                    segment,
                    "another program moved the audit file; the chain continues in a new segment",
                );
                self.segment.rotate()?;
            }
            _ if full || old || self.segment.ended => self.segment.rotate()?,
            _ => return Ok(()),
        }
        if let Some(segments) = self.options.keep_segments {
            self.segment.keep(segments)?;
        }
        self.segment.checkpoint()
    }

    /// Syncs, and writes the checkpoint, as far as either is due.
    fn settle(&mut self, asked: bool) -> io::Result<()> {
        let young = |at: Instant| at.elapsed() < self.options.checkpoint_every;
        let due = asked || !self.checkpointed.is_some_and(young);
        let checkpoint = due && self.segment.ahead;
        if let Some(since) = self.unsynced {
            let due = match self.options.sync {
                SyncPolicy::Interval(interval) => since.elapsed() >= interval,
                SyncPolicy::Each | SyncPolicy::Batch => true,
            };
            if due || asked || checkpoint {
                self.segment.sync()?;
                self.unsynced = None;
            }
        }
        if checkpoint {
            self.segment.checkpoint()?;
            self.checkpointed = Some(Instant::now());
        }
        Ok(())
    }

    fn answer_flushes(&mut self) {
        let settled = self.settled;
        self.flushes.retain(|(upto, done)| {
            let waits = *upto > settled;
            if !waits {
                let _ = done.send(());
            }
            waits
        });
    }

    /// Reports a failure or its end, in the log of the process and to the waiting receipts.
    fn report(&mut self, done: &io::Result<()>) {
        match done {
            Ok(()) => {
                if self.failed.take().is_some() {
                    self.shared.set_degraded(false);
                    if self.throttle.recovered() {
                        tracing::info!(target: "mcp_layers_audit", "the audit file can be written again");
                    }
                }
            }
            Err(error) => {
                let now = Instant::now();
                self.shared.set_degraded(true);
                if let Some(failures) = self.throttle.failed(now) {
                    tracing::error!(
                        target: "mcp_layers_audit",
                        %error,
                        failures,
                        "the audit file cannot be written",
                    );
                }
                self.failed = Some(Failed {
                    retry: now.checked_add(self.options.retry_every),
                });
                self.pending
                    .iter_mut()
                    .for_each(|entry| entry.synced = None);
            }
        }
    }
}

/// The writer ends, even by a panic: the log takes no more records.
impl<T, W> Drop for Writer<T, W> {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!(target: "mcp_layers_audit", "the writer of the audit file panicked");
        }
        self.shared.set_degraded(true);
        self.shared.room.close();
    }
}
