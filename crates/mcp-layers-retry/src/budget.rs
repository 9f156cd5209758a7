//! How many retries there may be in all.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use mcp_layers_core::ConfigError;

/// What one retry costs. Deposits are parts of it, so that a share of a thousandth can be counted.
const RETRY: i64 = 1_000;

/// How many retries there may be: a share of the requests, and a floor that is there without any.
///
/// Retries help against failures here and there. When all fails they make it worse: with three
/// attempts each, three times the load. A budget holds the retries to a share of what callers ask
/// for, whatever fails (as in Finagle and tower). Clones share it, also over several layers and
/// upstreams.
///
/// Each request deposits `ratio`; a retry takes 1. The floor trickles in with time. What is not
/// used is kept up to ten seconds of the floor, or 10 retries if that is more; then it is lost.
#[derive(Clone)]
pub struct Budget(Arc<Account>);

struct Account {
    deposit: i64,
    /// Retries for each second.
    floor: u32,
    max: i64,
    balance: AtomicI64,
    started: Instant,
    /// Up to when the floor was paid, in milliseconds after `started`.
    paid: AtomicU64,
}

impl Budget {
    /// At most `percent` retries for 100 requests, and `floor` retries a second besides.
    ///
    /// # Errors
    /// When `percent` is over 1,000: ten retries for each request are no budget.
    pub fn new(percent: u16, floor: u32) -> Result<Self, ConfigError> {
        if percent > 1_000 {
            let problem = format!("a budget of {percent} % retries is more than 1,000 %");
            return Err(ConfigError::new(problem));
        }
        Ok(Self::made(percent, floor))
    }

    fn made(percent: u16, floor: u32) -> Self {
        // A thousandth of a retry for each tenth of a percent.
        let max = (i64::from(floor) * 10).max(10) * RETRY;
        Self(Arc::new(Account {
            deposit: i64::from(percent) * RETRY / 100,
            floor,
            max,
            balance: AtomicI64::new((i64::from(floor) * RETRY).min(max)),
            started: Instant::now(),
            paid: AtomicU64::new(0),
        }))
    }

    /// Counts one request. One atomic addition, of nothing when the account is full.
    #[inline]
    pub(crate) fn deposit(&self) {
        let account = &*self.0;
        // A full account takes nothing, and a few too many at the edge are cut off by `withdraw`.
        if account.balance.load(Relaxed) < account.max {
            account.balance.fetch_add(account.deposit, Relaxed);
        }
    }

    /// Takes one retry, if there is one.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        let account = &*self.0;
        account.pay_floor(now);
        let take = |balance: i64| {
            let balance = balance.min(account.max);
            (balance >= RETRY).then(|| balance - RETRY)
        };
        account.balance.fetch_update(Relaxed, Relaxed, take).is_ok()
    }

    /// How many retries there are just now, without what the floor has to pay since the last one.
    #[must_use]
    pub fn balance(&self) -> u64 {
        let balance = self.0.balance.load(Relaxed).min(self.0.max) / RETRY;
        u64::try_from(balance).unwrap_or(0)
    }
}

impl Account {
    fn pay_floor(&self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.started);
        let until = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let paid = self.paid.load(Relaxed);
        // Whoever sets the time pays; the others find it paid.
        if until > paid
            && self
                .paid
                .compare_exchange(paid, until, Relaxed, Relaxed)
                .is_ok()
        {
            let due = Duration::from_millis(until - paid).min(Duration::from_secs(10));
            let millis = i64::try_from(due.as_millis()).unwrap_or(0);
            // A retry costs 1,000, so that a retry a second is 1 a millisecond.
            self.balance
                .fetch_add(i64::from(self.floor) * millis, Relaxed);
        }
    }
}

impl Default for Budget {
    /// A fifth of the requests, and 10 retries a second.
    fn default() -> Self {
        Self::made(20, 10)
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("balance", &self.balance())
            .field("floor", &self.0.floor)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        thread,
        time::{Duration, Instant},
    };

    fn drain(budget: &Budget, now: Instant) -> usize {
        (0..1_000_000).take_while(|_| budget.withdraw(now)).count()
    }

    #[test]
    fn requests_pay_their_share_and_time_the_floor() {
        let budget = Budget::new(20, 5).unwrap();
        let start = budget.0.started;
        assert_eq!(drain(&budget, start), 5);
        (0..50).for_each(|_| budget.deposit());
        assert_eq!(drain(&budget, start), 10);
        assert_eq!(drain(&budget, start + Duration::from_secs(2)), 10);
        assert_eq!(drain(&budget, start + Duration::from_secs(2)), 0);
    }

    #[test]
    fn what_is_saved_has_an_end() {
        let budget = Budget::new(20, 5).unwrap();
        (0..1_000_000).for_each(|_| budget.deposit());
        assert_eq!(drain(&budget, budget.0.started), 50);
        let later = budget.0.started + Duration::from_secs(1_000_000);
        assert_eq!(drain(&budget, later), 50);
        assert!(Budget::new(1_001, 0).is_err());
    }

    #[test]
    fn a_budget_of_nothing_allows_nothing() {
        let budget = Budget::new(0, 0).unwrap();
        (0..1_000).for_each(|_| budget.deposit());
        assert_eq!(drain(&budget, Instant::now() + Duration::from_secs(60)), 0);
    }

    #[test]
    fn threads_never_take_more_than_there_is() {
        let budget = Budget::new(10, 0).unwrap();
        let start = budget.0.started;
        let taken = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        budget.deposit();
                        taken.fetch_add(budget.withdraw(start).into(), Relaxed);
                    }
                });
            }
        });
        let rest = drain(&budget, start);
        assert!(taken.load(Relaxed) + rest <= 8_000, "{taken:?} {rest}");
        assert!(taken.load(Relaxed) + rest >= 7_900, "{taken:?} {rest}");
    }
}
