//! Records for a reader in the same process.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use mcp_layers_audit_log::Loss;
use mcp_layers_core::ConfigError;
use tokio::sync::{
    Semaphore,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::{Entry, Place, Places, Room, Sink, Written};
use crate::Record;

/// Hands records to a [`Records`] in the same process.
#[derive(Debug, Clone)]
pub struct ChannelSink {
    // Bounded by the semaphore, whose permits travel with the records.
    records: UnboundedSender<(Arc<Record>, Place)>,
    shared: Arc<Shared>,
}

/// The records of a [`ChannelSink`]. Dropping it closes the sink.
#[derive(Debug)]
pub struct Records {
    records: UnboundedReceiver<(Arc<Record>, Place)>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    room: Arc<Semaphore>,
    capacity: usize,
    dropped: AtomicU64,
    refused: AtomicU64,
}

impl ChannelSink {
    /// A sink for at most `capacity` unread records, and its reader.
    ///
    /// # Errors
    /// A capacity of zero, or beyond [`Semaphore::MAX_PERMITS`].
    pub fn bounded(capacity: usize) -> Result<(Self, Records), ConfigError> {
        if !(1..=Semaphore::MAX_PERMITS).contains(&capacity) {
            let most = Semaphore::MAX_PERMITS;
            return Err(ConfigError::new(format!(
                "the capacity of a channel is 1 to {most}"
            )));
        }
        let shared = Arc::new(Shared {
            room: Arc::new(Semaphore::new(capacity)),
            capacity,
            dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        let (sender, records) = unbounded_channel();
        let sink = Self {
            records: sender,
            shared: Arc::clone(&shared),
        };
        Ok((sink, Records { records, shared }))
    }
}

impl Records {
    /// The next record, if there is one.
    pub fn try_next(&mut self) -> Option<Arc<Record>> {
        self.records.try_recv().ok().map(|(record, _)| record)
    }

    /// Waits for the next record; `None` when every sink is gone.
    pub async fn next(&mut self) -> Option<Arc<Record>> {
        self.records.recv().await.map(|(record, _)| record)
    }

    /// The number of records that found no room since the previous call.
    pub fn take_dropped(&mut self) -> u64 {
        self.shared.dropped.swap(0, Relaxed)
    }

    /// The number of requests that were refused for lack of room since the previous call.
    pub fn take_refused(&mut self) -> u64 {
        self.shared.refused.swap(0, Relaxed)
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.shared.room.close();
    }
}

impl Sink for ChannelSink {
    fn room(&self) -> Room<'_> {
        Room::Limited(Places {
            free: &self.shared.room,
            capacity: self.shared.capacity,
        })
    }

    fn write(&self, entry: Entry) -> Written {
        match entry {
            Entry::Record(record, place) => match self.records.send((record, place)) {
                Ok(()) => return Written::Taken,
                Err(_) => return Written::Rejected,
            },
            Entry::Lost(Loss::Refused) => self.shared.refused.fetch_add(1, Relaxed),
            Entry::Lost(_) => self.shared.dropped.fetch_add(1, Relaxed),
        };
        Written::Taken
    }
}
