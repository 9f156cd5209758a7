//! How a call waits: on a timer of tokio, with the feature `wait`. Without it, none ever does.

use std::time::{Duration, Instant};

#[cfg(feature = "wait")]
pub(crate) type Timer = tokio::time::Sleep;

#[cfg(not(feature = "wait"))]
pub(crate) type Timer = std::future::Pending<()>;

/// The time by the clock of the timers.
#[cfg(feature = "wait")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(not(feature = "wait"))]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(feature = "wait")]
pub(crate) fn sleep(duration: Duration) -> Timer {
    tokio::time::sleep(duration)
}

#[cfg(not(feature = "wait"))]
pub(crate) fn sleep(_: Duration) -> Timer {
    std::future::pending()
}
