//! What operators ask.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// How the audit of a layer is doing. Clones ask the same layer.
#[derive(Debug, Clone)]
pub struct AuditHandle {
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sequence: AtomicU64,
    recorded: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
    unacknowledged: AtomicU64,
    trouble: AtomicBool,
}

impl AuditHandle {
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        Self { counters }
    }

    /// How many records went to every sink.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.counters.recorded.load(Relaxed)
    }

    /// How many records a sink did not get, though the request ran.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.counters.dropped.load(Relaxed)
    }

    /// How many requests were refused, because a sink took no records.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.counters.refused.load(Relaxed)
    }

    /// How many answers were withheld, or given all the same, because their record could not be
    /// synced.
    #[must_use]
    pub fn unacknowledged(&self) -> u64 {
        self.counters.unacknowledged.load(Relaxed)
    }

    /// Whether the latest request found a sink in trouble.
    #[must_use]
    pub fn in_trouble(&self) -> bool {
        self.counters.trouble.load(Relaxed)
    }
}

impl Counters {
    pub(crate) fn recorded(&self) {
        self.recorded.fetch_add(1, Relaxed);
        if self.trouble.load(Relaxed) && self.trouble.swap(false, Relaxed) {
            tracing::info!(target: "mcp_layers_audit", "audit sinks take records again");
        }
    }

    pub(crate) fn dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
        self.trouble("an audit record found no room and was dropped");
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
        self.trouble("requests are refused: an audit sink takes no records");
    }

    pub(crate) fn unacknowledged(&self) {
        self.unacknowledged.fetch_add(1, Relaxed);
        self.trouble("an audit record could not be synced");
    }

    /// Says so once, until it is over; the counters have the rest.
    fn trouble(&self, what: &str) {
        if !self.trouble.swap(true, Relaxed) {
            tracing::error!(target: "mcp_layers_audit", "{what}");
        }
    }
}
