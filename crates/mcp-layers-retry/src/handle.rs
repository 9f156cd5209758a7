//! The handle, for operators.

use std::{
    num::NonZeroU32,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use crate::state::{RetryStats, State};

/// A handle to the state of a [`RetryLayer`](crate::RetryLayer). Clones share it.
#[derive(Debug, Clone)]
pub struct RetryHandle {
    pub(crate) state: Arc<State>,
}

impl RetryHandle {
    /// The numbers of the layer.
    #[must_use]
    pub fn stats(&self) -> RetryStats {
        *self.state.stats()
    }

    /// Sets the most attempts, the first included, for requests that begin from now on. One attempt
    /// turns retries off.
    pub fn set_attempts(&self, attempts: NonZeroU32) {
        self.state.attempts.store(attempts.get(), Relaxed);
    }
}
