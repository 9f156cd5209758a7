//! The time of day, for the price of a monotonic clock.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Where the time of day is read.
pub(crate) type WallClock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// For how long one reading of the time of day is used.
const GOOD_FOR: u64 = 1_000_000_000;

/// Tells the time of day from monotonic time. The clock that it is read from is asked once a
/// second, so that a step of it shows a second late at most.
pub(crate) struct Stamp {
    base: Instant,
    wall: WallClock,
    /// Time of day minus monotonic time, in nanoseconds.
    offset: AtomicI64,
    /// The monotonic time from which on the time of day is read again.
    next: AtomicU64,
}

impl Stamp {
    pub(crate) fn new(base: Instant, wall: WallClock) -> Self {
        Self {
            base,
            wall,
            offset: AtomicI64::new(0),
            next: AtomicU64::new(0),
        }
    }

    /// The monotonic time since the base, and nanoseconds since the Unix epoch.
    pub(crate) fn at(&self, now: Instant) -> (Duration, i64) {
        let monotonic = now.saturating_duration_since(self.base);
        let nanos = u64::try_from(monotonic.as_nanos()).unwrap_or(u64::MAX);
        let signed = i64::try_from(nanos).unwrap_or(i64::MAX);
        if nanos >= self.next.load(Relaxed) {
            let offset = unix_nanos((self.wall)()).saturating_sub(signed);
            self.offset.store(offset, Relaxed);
            self.next.store(nanos.saturating_add(GOOD_FOR), Relaxed);
        }
        (monotonic, signed.saturating_add(self.offset.load(Relaxed)))
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stamp").finish_non_exhaustive()
    }
}

/// Nanoseconds since the Unix epoch; negative before it.
pub(crate) fn unix_nanos(time: SystemTime) -> i64 {
    let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => nanos(since),
        Err(before) => nanos(before.duration()).saturating_neg(),
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;
    use std::{
        sync::{Arc, Mutex},
        time::{Duration, Instant, UNIX_EPOCH},
    };

    #[test]
    fn a_step_of_the_clock_shows_a_second_later() {
        let wall = Arc::new(Mutex::new(UNIX_EPOCH + Duration::from_secs(100)));
        let read = wall.clone();
        let base = Instant::now();
        let stamp = Stamp::new(base, Arc::new(move || *read.lock().unwrap()));
        assert_eq!(stamp.at(base), (Duration::ZERO, 100_000_000_000));
        *wall.lock().unwrap() -= Duration::from_secs(50);
        let later = base + Duration::from_millis(999);
        assert_eq!(stamp.at(later).1, 100_999_000_000);
        assert_eq!(stamp.at(base + Duration::from_secs(1)).1, 50_000_000_000);
        assert_eq!(
            stamp.at(base + Duration::from_secs(2)).0,
            Duration::from_secs(2)
        );
    }
}
