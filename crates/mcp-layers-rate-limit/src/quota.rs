//! How often.

use std::{num::NonZeroU32, time::Duration};

use mcp_layers_core::ConfigError;

const SECOND: u64 = 1_000_000_000;

/// The longest period, 146 years: sums of two do not overflow.
const LONGEST: u64 = 1 << 62;

/// How often something may be done: one in each interval, and so many at once.
///
/// A budget is full when nothing was spent for long. Each call takes its cost out of it, and each
/// interval gives one back (the generic cell rate algorithm, ITU-T I.371).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quota {
    /// Nanoseconds; never zero.
    interval: u64,
    burst: NonZeroU32,
}

impl Quota {
    /// So many a second, and as many at once. Intervals are whole nanoseconds, rounded up.
    #[must_use]
    pub const fn per_second(rate: NonZeroU32) -> Self {
        Self::per(SECOND, rate)
    }

    /// So many a minute, and as many at once.
    #[must_use]
    pub const fn per_minute(rate: NonZeroU32) -> Self {
        Self::per(60 * SECOND, rate)
    }

    /// So many an hour, and as many at once.
    #[must_use]
    pub const fn per_hour(rate: NonZeroU32) -> Self {
        Self::per(3_600 * SECOND, rate)
    }

    /// One in each period, and one at once.
    ///
    /// # Errors
    /// When the period is zero, or longer than 146 years.
    pub fn with_period(period: Duration) -> Result<Self, ConfigError> {
        match u64::try_from(period.as_nanos()) {
            Ok(interval @ 1..=LONGEST) => Ok(Self {
                interval,
                burst: NonZeroU32::MIN,
            }),
            _ => Err(ConfigError::new(
                "the period of a quota is longer than zero, and at most 146 years",
            )),
        }
    }

    /// Sets how many may come at once.
    #[must_use]
    pub const fn burst(mut self, burst: NonZeroU32) -> Self {
        self.burst = burst;
        self
    }

    /// How long it takes until one is given back.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval)
    }

    /// How many may come at once.
    #[must_use]
    pub const fn max_burst(&self) -> NonZeroU32 {
        self.burst
    }

    pub(crate) const fn nanos(&self) -> u64 {
        self.interval
    }

    const fn per(period: u64, rate: NonZeroU32) -> Self {
        Self {
            interval: period.div_ceil(rate.get() as u64),
            burst: rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Quota;
    use std::{num::NonZeroU32, time::Duration};

    #[test]
    fn intervals_are_rounded_up() {
        let three = Quota::per_second(NonZeroU32::new(3).unwrap());
        assert_eq!(three.interval(), Duration::from_nanos(333_333_334));
        assert_eq!(three.max_burst().get(), 3);
        let most = Quota::per_second(NonZeroU32::MAX);
        assert_eq!(most.interval(), Duration::from_nanos(1));
    }

    #[test]
    fn a_period_is_neither_zero_nor_endless() {
        assert!(Quota::with_period(Duration::ZERO).is_err());
        assert!(Quota::with_period(Duration::MAX).is_err());
        let second = Quota::with_period(Duration::from_secs(1)).unwrap();
        assert_eq!(second, Quota::per_second(NonZeroU32::MIN));
    }
}
