//! The read-out of a layer.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use crate::state::Counts;

/// A handle to a layer and all services that it made.
#[derive(Debug, Clone)]
pub struct ErrorMaskHandle {
    pub(crate) counts: Arc<Counts>,
}

/// The counts of a layer since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorMaskStats {
    /// Errors that callers got with an id.
    pub masked: u64,
    /// The number of masked errors that were not logged, because the log target is disabled.
    pub unlogged: u64,
}

impl ErrorMaskHandle {
    /// Returns the counts.
    #[must_use]
    pub fn stats(&self) -> ErrorMaskStats {
        ErrorMaskStats {
            masked: self.counts.masked.load(Relaxed),
            unlogged: self.counts.unlogged.load(Relaxed),
        }
    }
}
