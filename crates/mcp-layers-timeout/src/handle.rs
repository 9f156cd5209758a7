//! The handle, for operators.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use mcp_layers_core::McpRequest;

use crate::settings::{Limits, Settings};

/// A handle to the numbers and the limits of a [`TimeoutLayer`](crate::TimeoutLayer). Clones share
/// them.
#[derive(Debug, Clone, Default)]
pub struct TimeoutHandle {
    stats: Arc<Mutex<TimeoutStats>>,
    /// The settings whose limits replace those of the layer.
    replaced: Arc<RwLock<Option<Settings>>>,
}

/// The requests of a layer that reached a limit, since it was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeoutStats {
    /// The maximum.
    pub maximum: u64,
    /// The idle time.
    pub idle: u64,
    /// The longest time of waiting for the client.
    pub input_wait: u64,
    /// A deadline that the caller or an outer layer set.
    pub deadline: u64,
}

impl TimeoutHandle {
    /// The numbers of the layer.
    #[must_use]
    pub fn stats(&self) -> TimeoutStats {
        *self.lock()
    }

    pub(crate) fn replace_limits(&self, limits: Settings) {
        let replaced = &self.replaced;
        *replaced.write().unwrap_or_else(PoisonError::into_inner) = Some(limits);
    }

    /// The limits of a request, by `settings` unless they were replaced.
    pub(crate) fn limits_of<Req: McpRequest>(
        &self,
        settings: &Settings,
        request: &Req,
    ) -> Option<Limits> {
        let replaced = self.replaced.read().unwrap_or_else(PoisonError::into_inner);
        replaced.as_ref().unwrap_or(settings).limits_of(request)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, TimeoutStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
