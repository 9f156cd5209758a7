//! Exponential backoff with full jitter.

use std::time::Duration;

/// Exponential backoff with full jitter: before retry `n` a random time from 0 to
/// `min(max, base * 2^(n-1))`.
///
/// Full jitter spreads callers that failed together over the whole time, so that they need the fewest
/// attempts in all (Brooker, "Exponential Backoff And Jitter", 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the first retry.
    pub base: Duration,
    /// The longest wait before any retry.
    pub max: Duration,
}

impl Default for Backoff {
    /// From 100 ms to 10 s.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(100),
            max: Duration::from_secs(10),
        }
    }
}

impl Backoff {
    /// The longest wait before retry number `retry`, which is 1 for the first.
    #[must_use]
    pub fn longest(&self, retry: u32) -> Duration {
        let doubled = 1_u32.checked_shl(retry.saturating_sub(1));
        let longest = doubled.and_then(|factor| self.base.checked_mul(factor));
        longest.unwrap_or(Duration::MAX).min(self.max)
    }

    /// The wait before retry number `retry`, from a random number of 64 bits.
    #[must_use]
    pub fn wait(&self, retry: u32, random: u64) -> Duration {
        let nanos = self.longest(retry).as_nanos().saturating_add(1);
        // Less than `nanos`, which came from a `Duration`: it fits again.
        let part = (nanos >> 64) * u128::from(random)
            + (((nanos & u128::from(u64::MAX)) * u128::from(random)) >> 64);
        let seconds = u64::try_from(part / 1_000_000_000).unwrap_or(u64::MAX);
        let rest = u32::try_from(part % 1_000_000_000).unwrap_or(0);
        Duration::new(seconds, rest)
    }
}
