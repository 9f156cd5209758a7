//! Destinations of records.

use std::sync::Arc;

use mcp_layers_audit_log::{Loss, Receipt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Record, share::Share};

mod channel;
mod events;
mod file;

pub use channel::{ChannelSink, Records};
pub use events::TracingSink;
pub use file::{FileSink, Queued};

/// A destination of records. Its methods must not block: a sink queues, and works elsewhere.
pub trait Sink: Send + Sync + 'static {
    /// The room for records; unlimited by default. A permit of the semaphore is taken for each record,
    /// before its request runs where [`OverflowPolicy::Refuse`](crate::OverflowPolicy::Refuse) says
    /// so.
    fn room(&self) -> Room<'_> {
        Room::Unlimited
    }

    /// Takes a record, or notes that one is missing.
    fn write(&self, entry: Entry) -> Written;
}

/// The room of a sink.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Room<'a> {
    /// Unlimited room.
    Unlimited,
    /// Room for as many records as there are permits.
    Limited(Places<'a>),
    /// Room in the queue, but the sink cannot write at present. `OverflowPolicy::Refuse` refuses
    /// requests.
    Degraded(Places<'a>),
}

impl<'a> Room<'a> {
    /// The places; `None` for unlimited room.
    pub(crate) fn places(self) -> Option<Places<'a>> {
        match self {
            Self::Unlimited => None,
            Self::Limited(places) | Self::Degraded(places) => Some(places),
        }
    }
}

/// The places of a sink whose room is limited.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// A permit for each free place. Closed, it means that the sink takes no more records.
    pub free: &'a Arc<Semaphore>,
    /// The number of all places.
    pub capacity: usize,
}

impl Places<'_> {
    /// Takes a place if one is free.
    pub(crate) fn take(self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(self.free).try_acquire_owned().ok()
    }
}

/// An entry for a sink.
#[derive(Debug)]
#[non_exhaustive]
pub enum Entry {
    /// A record, and its place, to be kept as long as the record takes room.
    Record(Arc<Record>, Place),
    /// The sink does not get a record, and can state so where it is missing.
    Lost(Loss),
}

/// The place of a record in a sink: a permit of [`Sink::room`], and a part of its caller's share.
/// Dropping it frees both.
#[derive(Debug)]
pub struct Place {
    pub(crate) permit: Option<OwnedSemaphorePermit>,
    pub(crate) share: Option<Arc<Share>>,
}

/// The answer of a sink to an entry.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Written {
    /// The sink has it.
    Taken,
    /// The sink has the record; the receipt resolves when it is safe, and fails when it cannot be.
    Unsynced(Receipt),
    /// The sink takes no more records.
    Rejected,
}
