//! The handle, for operators.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use crate::settings::Settings;

/// A handle to the limits and the numbers of a [`TimeoutLayer`](crate::TimeoutLayer). Clones share
/// them.
#[derive(Debug, Clone)]
pub struct TimeoutHandle {
    settings: Arc<RwLock<Settings>>,
    stats: Arc<Mutex<TimeoutStats>>,
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
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(RwLock::new(settings)),
            stats: Arc::default(),
        }
    }

    /// These numbers, with other settings.
    pub(crate) fn with_settings(self, settings: Settings) -> Self {
        let settings = Arc::new(RwLock::new(settings));
        Self { settings, ..self }
    }

    /// The settings, which are not to be held while anything else is done.
    pub(crate) fn settings(&self) -> RwLockReadGuard<'_, Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the limits. The form of the answer stays.
    pub(crate) fn replace_limits(&self, mut limits: Settings) {
        let mut settings = self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        limits.refusal = settings.refusal;
        *settings = limits;
    }

    /// The numbers of the layer.
    #[must_use]
    pub fn stats(&self) -> TimeoutStats {
        *self.lock()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, TimeoutStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
