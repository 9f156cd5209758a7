//! A retry budget.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use mcp_layers_core::ConfigError;

/// A retry budget: a percentage of requests plus a minimum per second.
///
/// Retries help against single failures. When everything fails they make it worse: with three
/// attempts for each request, three times the load. A budget limits the retries to a share of the
/// requests, however many fail (as in Finagle and tower). Clones share it, also across several layers and
/// upstreams.
///
/// Each request deposits `percent` of a retry, and each second deposits `per_second`. Unspent retries
/// are kept up to ten seconds' worth of the minimum, or 10 retries if that is more.
#[derive(Clone)]
pub struct Budget(Arc<Shared>);

struct Shared {
    /// Thousandths of a retry that a request deposits.
    deposit: u64,
    per_second: u32,
    /// The most thousandths of a retry that are kept.
    max: u64,
    account: Mutex<Account>,
}

struct Account {
    /// Thousandths of a retry.
    balance: u64,
    /// The time up to which the minimum was deposited.
    paid_until: Option<Instant>,
}

/// The cost of a retry, in thousandths.
const RETRY: u64 = 1_000;

impl Budget {
    /// At most `percent` retries for 100 requests, and `per_second` retries a second in addition.
    ///
    /// # Errors
    /// If `percent` is over 1,000, which is ten retries for each request.
    pub fn new(percent: u16, per_second: u32) -> Result<Self, ConfigError> {
        if percent > 1_000 {
            let problem = format!("a retry budget of {percent} % is more than 1,000 %");
            return Err(ConfigError::new(problem));
        }
        Ok(Self::of(percent, per_second))
    }

    fn of(percent: u16, per_second: u32) -> Self {
        let second = u64::from(per_second) * RETRY;
        Self(Arc::new(Shared {
            deposit: u64::from(percent) * RETRY / 100,
            per_second,
            max: (second * 10).max(10 * RETRY),
            account: Mutex::new(Account {
                balance: second,
                paid_until: None,
            }),
        }))
    }

    /// Counts one request.
    pub(crate) fn deposit(&self) {
        let mut account = self.account();
        account.balance = self.0.max.min(account.balance + self.0.deposit);
    }

    /// Takes one retry, if there is one.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        let mut account = self.account();
        let paid_until = account.paid_until.unwrap_or(now);
        let due = now.saturating_duration_since(paid_until);
        let millis = due.min(Duration::from_secs(10)).as_millis();
        if millis > 0 || account.paid_until.is_none() {
            account.paid_until = Some(now.max(paid_until));
        }
        // One retry a second is one thousandth a millisecond.
        let due = u64::from(self.0.per_second) * u64::try_from(millis).unwrap_or(0);
        account.balance = self.0.max.min(account.balance + due);
        let is_enough = account.balance >= RETRY;
        if is_enough {
            account.balance -= RETRY;
        }
        is_enough
    }

    /// The retries that are left, as of the latest retry.
    #[must_use]
    pub fn balance(&self) -> u64 {
        self.account().balance / RETRY
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.0
            .account
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Budget {
    /// 20 % of the requests, and 10 retries a second.
    fn default() -> Self {
        Self::of(20, 10)
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("balance", &self.balance())
            .field("per_second", &self.0.per_second)
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
    fn requests_and_time_deposit() {
        let budget = Budget::new(20, 5).unwrap();
        let start = Instant::now();
        assert_eq!(drain(&budget, start), 5);
        (0..50).for_each(|_| budget.deposit());
        assert_eq!(drain(&budget, start), 10);
        assert_eq!(drain(&budget, start + Duration::from_secs(2)), 10);
        assert_eq!(drain(&budget, start + Duration::from_secs(2)), 0);
    }

    #[test]
    fn savings_are_bounded() {
        let budget = Budget::new(20, 5).unwrap();
        (0..1_000_000).for_each(|_| budget.deposit());
        let start = Instant::now();
        assert_eq!(drain(&budget, start), 50);
        let later = start + Duration::from_secs(1_000_000);
        assert_eq!(drain(&budget, later), 50);
        assert!(Budget::new(1_001, 0).is_err());
    }

    #[test]
    fn an_empty_budget_allows_nothing() {
        let budget = Budget::new(0, 0).unwrap();
        (0..1_000).for_each(|_| budget.deposit());
        assert_eq!(drain(&budget, Instant::now() + Duration::from_secs(60)), 0);
    }

    #[test]
    fn threads_never_withdraw_more_than_was_deposited() {
        let budget = Budget::new(10, 0).unwrap();
        let start = Instant::now();
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
