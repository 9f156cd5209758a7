//! The thread that writes.

use std::{
    io,
    sync::{
        Arc,
        atomic::Ordering::{AcqRel, Acquire, Release},
    },
    thread,
    time::{Duration, Instant},
};

use mcp_layers_core::Clock;

use super::{
    FileOptions, Item, Shared, Sync,
    chain::Chain,
    control::Wait,
    log::{Log, now},
    segment,
};
use crate::{Encode, Loss, encode::write_json_text};

/// How many records are written at once.
const BATCH: usize = 1024;
/// How long the writer sleeps while there is nothing to do: from the shortest on, doubled each time.
const NAPS: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(16)];
const LONG_NAP: Duration = Duration::from_secs(1);

pub(crate) struct Writer<E, C> {
    options: FileOptions<E, C>,
    log: Log,
    shared: Arc<Shared>,
    /// What was taken out of the queue and is not written yet.
    batch: Vec<Item>,
    flushes: Vec<Wait>,
    body: Vec<u8>,
    opened: Instant,
    /// Since when something is written that is not synced.
    unsynced: Option<Instant>,
    checkpointed: Option<Instant>,
    retry: Option<Instant>,
    nap: Duration,
}

impl<E: Encode, C: Clock> Writer<E, C> {
    pub(crate) fn new(options: FileOptions<E, C>, log: Log, shared: Arc<Shared>) -> Self {
        Self {
            opened: options.clock.now(),
            options,
            log,
            shared,
            batch: Vec::new(),
            flushes: Vec::new(),
            body: Vec::new(),
            unsynced: None,
            checkpointed: None,
            retry: None,
            nap: LONG_NAP,
        }
    }

    pub(crate) fn run(mut self) {
        let gone = Gone(Arc::clone(&self.shared));
        loop {
            self.flushes.extend(self.shared.control.take_flushes());
            let closing = self.shared.control.closing();
            let expired = closing.is_some_and(|deadline| Instant::now() >= deadline);
            let asked = closing.is_some() || !self.flushes.is_empty();
            if !asked && self.retry.is_some_and(|retry| Instant::now() < retry) {
                thread::park_timeout(self.options.retry_every);
                continue;
            }
            self.take_batch();
            if expired {
                self.abandon();
            }
            let busy = !self.batch.is_empty();
            let done = self.write().and_then(|()| self.settle(asked));
            let idle = done.is_ok() && self.shared.queue.len() == 0;
            self.note(&done);
            if idle {
                self.flushes.drain(..).for_each(|wait| wait.done());
            }
            if closing.is_some() && (idle || expired) {
                break;
            }
            self.rest(busy || !idle);
        }
        drop(self);
        drop(gone);
    }

    fn rest(&mut self, busy: bool) {
        if self.retry.is_some() {
            thread::park_timeout(self.options.retry_every);
        } else if busy {
            self.nap = NAPS[0];
        } else if self.shared.durable {
            // Whoever waits for a receipt wakes the writer.
            thread::park_timeout(self.options.checkpoint_every.clamp(NAPS[0], LONG_NAP));
        } else {
            thread::park_timeout(self.nap);
            self.nap = (self.nap * 2).min(NAPS[1]);
        }
    }

    /// Takes what waits; in trouble everything, so that nobody waits for a receipt in vain.
    fn take_batch(&mut self) {
        let most = match self.options.sync {
            _ if self.retry.is_some() => usize::MAX,
            Sync::Each => 1,
            _ => BATCH,
        };
        while self.batch.len() < most
            && let Some(item) = self.shared.queue.pop()
        {
            self.batch.push(item);
        }
    }

    /// Counts what there is no time left for.
    fn abandon(&mut self) {
        while let Some(item) = self.shared.queue.pop() {
            self.batch.push(item);
        }
        self.shared.lost(Loss::Dropped, self.batch.len() as u64);
        self.shared.queue.free(self.batch.len());
        self.batch.clear();
    }

    /// Writes the batch, and before it how many records are missing.
    fn write(&mut self) -> io::Result<()> {
        let dropped = self.shared.dropped.load(Acquire);
        let refused = self.shared.refused.load(Acquire);
        let missing = dropped + refused > 0;
        if self.batch.is_empty() && !missing {
            return Ok(());
        }
        self.rotate_if_due()?;
        let gap = missing.then(|| segment::gap(now(), dropped, refused));
        let Self {
            options,
            log,
            batch,
            body,
            ..
        } = self;
        let append = |chain: &mut Chain, out: &mut Vec<u8>| {
            if let Some(gap) = &gap {
                chain.append(gap, out);
            }
            for (record, _) in batch.iter() {
                body.clear();
                options.encode.encode(record, body);
                if !options.encode.is_json() {
                    let text = String::from_utf8_lossy(body).into_owned();
                    body.clear();
                    write_json_text(&text, body);
                }
                chain.append(body, out);
            }
        };
        log.commit(self.shared.durable, append)?;
        self.shared.dropped.fetch_sub(dropped, AcqRel);
        self.shared.refused.fetch_sub(refused, AcqRel);
        self.shared
            .written
            .fetch_add(self.batch.len() as u64, AcqRel);
        self.shared.queue.free(self.batch.len());
        for (_, acknowledge) in self.batch.drain(..) {
            if let Some(acknowledge) = acknowledge {
                acknowledge.synced();
            }
        }
        if !self.shared.durable {
            self.unsynced.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    fn rotate_if_due(&mut self) -> io::Result<()> {
        let age = self
            .options
            .clock
            .now()
            .saturating_duration_since(self.opened);
        let full = self.log.len() >= self.options.max_bytes.get();
        let old = self.options.max_age.is_some_and(|most| age >= most);
        let moved = self.log.is_moved()?;
        if moved && !self.log.is_ended() {
            tracing::error!(
                target: "mcp_layers_audit",
                "the audit file was moved by somebody else; the chain goes on in a new one",
            );
        }
        if full || old || moved || self.log.is_ended() {
            self.log.rotate()?;
            self.log.checkpoint()?;
            self.opened = self.options.clock.now();
        }
        Ok(())
    }

    /// Syncs, and moves the checkpoint on, as far as it is due.
    fn settle(&mut self, asked: bool) -> io::Result<()> {
        let young = |at: Instant| at.elapsed() < self.options.checkpoint_every;
        let due = asked || !self.checkpointed.is_some_and(young);
        let checkpoint = due && self.log.is_ahead();
        if let Some(since) = self.unsynced {
            let due = match self.options.sync {
                Sync::Interval(interval) => since.elapsed() >= interval,
                _ => true,
            };
            if due || asked || checkpoint {
                self.log.sync()?;
                self.unsynced = None;
            }
        }
        if checkpoint {
            self.log.checkpoint()?;
            self.checkpointed = Some(Instant::now());
        }
        Ok(())
    }

    /// Says that there is trouble, or that it is over, and who waits in vain.
    fn note(&mut self, done: &io::Result<()>) {
        match done {
            Ok(()) => {
                if self.retry.take().is_some() {
                    self.shared.trouble.store(false, Release);
                    tracing::info!(target: "mcp_layers_audit", "the audit file can be written again");
                }
            }
            Err(error) => {
                if !self.shared.trouble.swap(true, AcqRel) {
                    tracing::error!(
                        target: "mcp_layers_audit",
                        %error,
                        "the audit file cannot be written",
                    );
                }
                self.retry = Some(Instant::now() + self.options.retry_every);
                self.take_batch();
                for (_, acknowledge) in &mut self.batch {
                    *acknowledge = None;
                }
            }
        }
    }
}

/// Tells everybody that the writer is gone, even if it panicked.
struct Gone(Arc<Shared>);

impl Drop for Gone {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!(target: "mcp_layers_audit", "the writer of the audit file panicked");
        }
        self.0.trouble.store(true, Release);
        self.0.control.finish();
        while self.0.queue.pop().is_some() {
            self.0.queue.free(1);
            self.0.lost(Loss::Dropped, 1);
        }
    }
}
