//! The time, as layers read it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// A source of monotonic and wall-clock time. The default is the operating system's.
///
/// Every layer that reads the time takes a clock through its `with_clock` setter, so that tests
/// never sleep. Clones share the same time.
///
/// ```
/// use mcp_layers_core::Clock;
/// use std::time::Duration;
///
/// let clock = Clock::manual();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now() - start, Duration::from_secs(60));
/// ```
#[derive(Clone, Default)]
pub struct Clock(Source);

#[derive(Clone, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<Mutex<Manual>>),
    Tokio {
        start: tokio::time::Instant,
        wall: SystemTime,
    },
}

struct Manual {
    now: Instant,
    wall: SystemTime,
}

impl Clock {
    /// The clock of the operating system.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still until [`Clock::advance`] moves it. It starts at the present time.
    #[must_use]
    pub fn manual() -> Self {
        Self(Source::Manual(Arc::new(Mutex::new(Manual {
            now: Instant::now(),
            wall: SystemTime::now(),
        }))))
    }

    /// The clock of tokio's timers, which a test can pause (`tokio::time::pause`).
    #[must_use]
    pub fn tokio() -> Self {
        Self(Source::Tokio {
            start: tokio::time::Instant::now(),
            wall: SystemTime::now(),
        })
    }

    /// The monotonic time. It never goes backwards.
    #[must_use]
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => Instant::now(),
            Source::Manual(manual) => lock(manual).now,
            Source::Tokio { .. } => tokio::time::Instant::now().into_std(),
        }
    }

    /// The wall-clock time, which the operating system may set forwards or backwards.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        match &self.0 {
            Source::System => SystemTime::now(),
            Source::Manual(manual) => lock(manual).wall,
            Source::Tokio { start, wall } => *wall + start.elapsed(),
        }
    }

    /// Moves a manual clock forwards, the monotonic and the wall-clock time alike.
    ///
    /// # Panics
    /// If the clock is not manual, or if the time would leave the range of [`Instant`].
    pub fn advance(&self, by: Duration) {
        let mut manual = self.expect_manual();
        manual.now += by;
        manual.wall += by;
    }

    /// Sets the wall-clock time of a manual clock. The monotonic time stays.
    ///
    /// # Panics
    /// If the clock is not manual.
    pub fn set_wall(&self, wall: SystemTime) {
        self.expect_manual().wall = wall;
    }

    fn expect_manual(&self) -> MutexGuard<'_, Manual> {
        match &self.0 {
            Source::Manual(manual) => lock(manual),
            _ => panic!("only a manual clock can be set"),
        }
    }
}

fn lock(manual: &Mutex<Manual>) -> MutexGuard<'_, Manual> {
    manual.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.0 {
            Source::System => "system",
            Source::Manual(_) => "manual",
            Source::Tokio { .. } => "tokio",
        };
        f.debug_tuple("Clock").field(&source).finish()
    }
}
