//! The read-out for operators.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};
use std::time::Instant;

use mcp_layers_audit_log::throttle::Throttle;

/// A read-out of a layer's audit. Clones read the same layer.
#[derive(Debug, Clone)]
pub struct AuditHandle {
    counters: Arc<Counters>,
}

/// Counters of a layer since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditStats {
    /// Records that went to every sink.
    pub recorded: u64,
    /// Records that a sink did not get, though the request ran.
    pub dropped: u64,
    /// Requests that were refused because a sink took no records, or because their caller had its
    /// share of records under way.
    pub refused: u64,
    /// Answers that were withheld, or given nevertheless, because their record could not be synced.
    pub unacknowledged: u64,
    /// True if the latest request found a sink without room or failing.
    pub degraded: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    sequence: AtomicU64,
    recorded: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
    unacknowledged: AtomicU64,
    degraded: AtomicBool,
    throttle: Throttle,
}

impl AuditHandle {
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        Self { counters }
    }

    /// The counters now.
    #[must_use]
    pub fn stats(&self) -> AuditStats {
        let counters = &self.counters;
        AuditStats {
            recorded: counters.recorded.load(Relaxed),
            dropped: counters.dropped.load(Relaxed),
            refused: counters.refused.load(Relaxed),
            unacknowledged: counters.unacknowledged.load(Relaxed),
            degraded: counters.degraded.load(Relaxed),
        }
    }
}

impl Counters {
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Relaxed)
    }

    pub(crate) fn recorded(&self) {
        self.recorded.fetch_add(1, Relaxed);
        if self.degraded.load(Relaxed)
            && self.degraded.swap(false, Relaxed)
            && self.throttle.recovered()
        {
            tracing::info!(target: "mcp_layers_audit", "audit sinks take records again");
        }
    }

    pub(crate) fn dropped(&self, now: Instant) {
        self.dropped.fetch_add(1, Relaxed);
        self.failed(now, "audit records found no room and were dropped");
    }

    pub(crate) fn refused(&self, now: Instant) {
        self.refused.fetch_add(1, Relaxed);
        self.failed(now, "requests were refused: an audit sink takes no records");
    }

    /// Counts a request beyond its caller's share, which says nothing about the sinks.
    pub(crate) fn refused_share(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn unacknowledged(&self, now: Instant) {
        self.unacknowledged.fetch_add(1, Relaxed);
        self.failed(now, "audit records could not be synced");
    }

    fn failed(&self, now: Instant, message: &str) {
        self.degraded.store(true, Relaxed);
        if let Some(count) = self.throttle.failed(now) {
            tracing::error!(target: "mcp_layers_audit", count, "{message}");
        }
    }
}
