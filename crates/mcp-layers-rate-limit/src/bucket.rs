//! One bucket, decided by governor's generic cell rate algorithm (GCRA).

use std::{cell::Cell, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{NotKeyed, StateStore},
};

/// The longest time that a bucket takes to fill up, in nanoseconds: 146 years. Sums of three such
/// times do not overflow in governor.
const LONGEST: u64 = 1 << 62;

/// One budget, and the part of it that is spent.
///
/// Nothing is stored until the caller keeps the bucket that [`Bucket::charge`] returns, so that
/// several rules can be checked before any of them is charged.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bucket {
    /// The theoretical arrival time (TAT), at which the bucket is full again: nanoseconds of the
    /// table's clock.
    tat: u64,
    /// The quota by which the TAT was computed; none before the first charge.
    quota: Option<Quota>,
}

impl Bucket {
    /// The bucket after a charge, or the time until the charge can pass. A cost above the burst
    /// counts as the burst.
    pub(crate) fn charge(self, now: u64, quota: Quota, cost: NonZeroU32) -> Result<Self, Duration> {
        let quota = bounded(quota);
        let cost = cost.min(quota.burst_size());
        // GCRA does not depend on where time begins: each decision is made at zero, with a TAT
        // relative to it.
        let state = OneBucket {
            tat: self.tat.checked_sub(now).map(Nanos::from),
            charged: Cell::new(Nanos::from(0)),
        };
        let limiter = RateLimiter::<_, _, _, NoOpMiddleware<Nanos>>::new(quota, state, Zero);
        let decision = limiter.check_n(cost);
        match decision.expect("the cost is at most the burst") {
            Ok(()) => Ok(Self {
                tat: now.saturating_add(limiter.into_state_store().charged.get().as_u64()),
                quota: Some(quota),
            }),
            Err(not_until) => Err(not_until.wait_time_from(Nanos::from(0))),
        }
    }

    /// Goes over to another quota: as many calls are spent as before, or the whole burst.
    pub(crate) fn convert(&mut self, now: u64, quota: Quota) {
        let quota = bounded(quota);
        if self.quota == Some(quota) {
            return;
        }
        if let (Some(old), Some(spent)) = (self.quota, self.tat.checked_sub(now)) {
            let (old, new) = (interval(old), interval(quota));
            let spent = (u128::from(spent) * u128::from(new)).div_ceil(u128::from(old));
            let burst = u128::from(quota.burst_size().get()) * u128::from(new);
            let spent = u64::try_from(spent.min(burst)).unwrap_or(LONGEST);
            self.tat = now.saturating_add(spent);
        }
        self.quota = Some(quota);
    }

    /// True if nothing is spent, so that a new bucket is as good.
    pub(crate) fn is_full(&self, now: u64) -> bool {
        self.tat <= now
    }
}

/// True if the burst of a quota takes too long to come back for a bucket to count it.
pub(crate) fn is_too_long(quota: Quota) -> bool {
    let burst = u128::from(quota.burst_size().get());
    let time = quota.replenish_interval().as_nanos().checked_mul(burst);
    time.is_none_or(|time| time > u128::from(LONGEST))
}

/// The quota within what governor computes without an overflow: an interval of at least a
/// nanosecond, and a burst that comes back within [`LONGEST`].
fn bounded(quota: Quota) -> Quota {
    let interval = interval(quota);
    let burst = u32::try_from(LONGEST / interval).unwrap_or(u32::MAX);
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(Duration::from_nanos(interval))
        .expect("the interval is at least a nanosecond")
        .allow_burst(quota.burst_size().min(burst))
}

fn interval(quota: Quota) -> u64 {
    let nanos = quota.replenish_interval().as_nanos();
    u64::try_from(nanos).unwrap_or(LONGEST).clamp(1, LONGEST)
}

/// governor's view of one bucket.
#[derive(Debug)]
struct OneBucket {
    tat: Option<Nanos>,
    charged: Cell<Nanos>,
}

impl StateStore for OneBucket {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, tat) = decide(self.tat)?;
        self.charged.set(tat);
        Ok(outcome)
    }
}

/// A clock that stands at zero.
#[derive(Debug, Clone, Copy)]
struct Zero;

impl Clock for Zero {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(0)
    }
}
