//! The generic cell rate algorithm, as pure arithmetic.
//!
//! The words are those of `governor`: the theoretical arrival time says when the budget is full
//! again. `governor` itself is not underneath, because it can neither ask without charging, which
//! several limits of one call need, nor change a quota and keep what was spent.

use crate::Quota;

/// A longer budget than this counts as this long.
const LONGEST: u64 = 1 << 62;

/// What is left of one budget. Times are nanoseconds since the store was made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Meter {
    /// When the budget is full again.
    full_at: u64,
    /// The quota by which that was worked out; all zeros before the first.
    interval: u64,
    burst: u32,
    /// Whose it is. It stands here because there is room for it.
    pub(crate) rule: u32,
}

impl Meter {
    /// What stands for a budget that must not be taken for a full one.
    pub(crate) const fn pinned(rule: u32) -> Self {
        Self {
            full_at: u64::MAX,
            interval: 0,
            burst: 0,
            rule,
        }
    }

    /// A full budget, if it was a pinned one.
    pub(crate) fn unpinned(self) -> Self {
        let full_at = if self.full_at == u64::MAX {
            0
        } else {
            self.full_at
        };
        Self { full_at, ..self }
    }

    /// The meter after a charge, or how many nanoseconds it is until the charge can pass. A cost
    /// above the burst counts as the burst. The meter goes by this quota already.
    #[inline]
    pub(crate) fn charged(self, now: u64, quota: Quota, cost: u32) -> Result<Self, u64> {
        let tolerance = tolerance(quota);
        let cost = u64::from(cost).saturating_mul(quota.nanos()).min(tolerance);
        let latest = now.saturating_add(tolerance);
        let full_at = self.full_at.max(now).saturating_add(cost);
        if full_at > latest {
            return Err(full_at - latest);
        }
        Ok(Self { full_at, ..self })
    }

    /// Goes over to another quota: as many calls are spent as before, or all there are.
    #[inline]
    pub(crate) fn convert(&mut self, now: u64, quota: Quota) {
        let (interval, burst) = (quota.nanos(), quota.max_burst().get());
        if (self.interval, self.burst) == (interval, burst) {
            return;
        }
        if let (Some(spent), 1..) = (self.full_at.checked_sub(now), self.interval) {
            let spent = u128::from(spent) * u128::from(interval);
            let spent = spent.div_ceil(u128::from(self.interval));
            let spent = u64::try_from(spent).unwrap_or(u64::MAX);
            self.full_at = now.saturating_add(spent.min(tolerance(quota)));
        }
        (self.interval, self.burst) = (interval, burst);
    }

    /// Whether nothing is spent, so that a new meter is as good.
    pub(crate) fn is_full(&self, now: u64) -> bool {
        self.full_at <= now
    }
}

fn tolerance(quota: Quota) -> u64 {
    let burst = u64::from(quota.max_burst().get());
    burst.saturating_mul(quota.nanos()).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::Meter;
    use crate::Quota;
    use std::{num::NonZeroU32, time::Duration};

    const SECOND: u64 = 1_000_000_000;

    fn quota(period: u64, burst: u32) -> Quota {
        Quota::with_period(Duration::from_nanos(period))
            .unwrap()
            .burst(NonZeroU32::new(burst).unwrap())
    }

    fn charge(meter: &mut Meter, now: u64, quota: Quota, cost: u32) -> Result<(), u64> {
        meter.convert(now, quota);
        *meter = meter.charged(now, quota, cost)?;
        Ok(())
    }

    #[test]
    fn a_burst_passes_and_the_wait_is_exact() {
        let quota = quota(SECOND, 3);
        let mut meter = Meter::default();
        for _ in 0..3 {
            charge(&mut meter, 10, quota, 1).unwrap();
        }
        assert_eq!(charge(&mut meter, 10, quota, 1), Err(SECOND));
        assert_eq!(charge(&mut meter, 10, quota, 2), Err(2 * SECOND));
        assert_eq!(charge(&mut meter, 9 + SECOND, quota, 1), Err(1));
        assert!(!meter.is_full(9 + 3 * SECOND));
        assert!(meter.is_full(10 + 3 * SECOND));
        assert!(charge(&mut meter, 10 + SECOND, quota, 1).is_ok());
    }

    #[test]
    fn what_is_spent_stays_spent_when_the_quota_changes() {
        let fast = quota(SECOND / 10, 5);
        let mut meter = Meter::default();
        for _ in 0..5 {
            charge(&mut meter, 0, fast, 1).unwrap();
        }
        // All is spent, of a smaller quota too, and no more than all: one is back after a second.
        let slow = quota(SECOND, 2);
        assert_eq!(charge(&mut meter, 0, slow, 1), Err(SECOND));
        assert_eq!(charge(&mut meter, SECOND - 1, slow, 1), Err(1));
        assert!(charge(&mut meter, SECOND, slow, 1).is_ok());
        // Two are spent of a larger one.
        let large = quota(SECOND, 7);
        assert!(charge(&mut meter, SECOND, large, 5).is_ok());
        assert_eq!(charge(&mut meter, SECOND, large, 1), Err(SECOND));
        // The same rate and a smaller burst.
        let narrow = quota(SECOND, 1);
        assert_eq!(charge(&mut meter, SECOND, narrow, 1), Err(SECOND));
        assert!(charge(&mut meter, 2 * SECOND, narrow, 1).is_ok());
    }

    #[test]
    fn extremes_refuse_rather_than_overflow() {
        let endless = quota(1 << 62, u32::MAX);
        let mut meter = Meter::default();
        assert!(charge(&mut meter, u64::MAX / 2, endless, 1).is_ok());
        assert!(charge(&mut meter, u64::MAX / 2, endless, u32::MAX).is_err());
        assert!(charge(&mut Meter::pinned(1), 0, endless, 1).is_err());
    }
}
