//! The clock, until core has it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// A clock: the system's, or one that tests advance by hand.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<Mutex<(Instant, SystemTime)>>>);

impl Clock {
    /// A clock that stands still until it is advanced.
    #[must_use]
    pub fn manual() -> Self {
        Self(Some(Arc::new(Mutex::new((
            Instant::now(),
            SystemTime::now(),
        )))))
    }

    /// The monotonic time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.read().map_or_else(Instant::now, |(now, _)| now)
    }

    /// The wall-clock time.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        self.read().map_or_else(SystemTime::now, |(_, wall)| wall)
    }

    /// Advances a manual clock.
    pub fn advance(&self, by: Duration) {
        self.set(|(now, wall)| {
            *now += by;
            *wall += by;
        });
    }

    /// Sets the wall-clock time of a manual clock.
    pub fn set_wall(&self, at: SystemTime) {
        self.set(|(_, wall)| *wall = at);
    }

    fn read(&self) -> Option<(Instant, SystemTime)> {
        let manual = self.0.as_ref()?;
        Some(*manual.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, set: impl FnOnce(&mut (Instant, SystemTime))) {
        if let Some(manual) = &self.0 {
            set(&mut manual.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}
