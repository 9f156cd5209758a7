//! A retry budget, of which each principal has a share.

use std::{
    collections::HashMap,
    fmt,
    hash::BuildHasher,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use mcp_layers_core::{ConfigError, KeyHasher, Principal};

/// A retry budget: a percentage of requests plus a minimum per second, for each principal.
///
/// Retries help against single failures. When everything fails they make it worse: with three
/// attempts for each request, three times the load. A budget limits the retries to a share of the
/// requests, however many fail (as in Finagle and tower). Clones share it, also across several layers and
/// upstreams.
///
/// # Rules
///
/// 1. Each request deposits `percent` of a retry, and each second deposits `per_second`. Unspent
///    retries are kept up to ten seconds' worth of the minimum, or 10 retries if that is more.
/// 2. Each principal has an account of its own. What one of them spends is not taken from another.
///    Callers without a verified principal share one account.
/// 3. A retry is also paid from an account for all callers together, which protects the server from
///    many principals at once: `percent` of all requests, and four times the minimum. So one principal
///    takes at most a quarter of the minimum for all.
/// 4. The accounts of up to 10,000 principals are kept. With one more, all of them begin again with
///    one second's worth of the minimum. The account for all callers goes on.
#[derive(Clone)]
pub struct Budget(Arc<Shared>);

struct Shared {
    of_one: Rates,
    of_all: Rates,
    accounts: Mutex<Accounts>,
    hasher: KeyHasher,
}

struct Accounts {
    all: Account,
    /// By a hash of the principal with a random secret.
    principals: HashMap<u64, Account, KeyHasher>,
}

/// The deposits into an account.
#[derive(Clone, Copy)]
struct Rates {
    /// Thousandths of a retry that a request deposits.
    deposit: u64,
    per_second: u64,
    /// The most thousandths of a retry that are kept.
    max: u64,
}

struct Account {
    /// Thousandths of a retry.
    balance: u64,
    /// The time up to which the minimum was deposited.
    paid_until: Option<Instant>,
}

/// The cost of a retry, in thousandths.
const RETRY: u64 = 1_000;

/// The number of principals that can spend the whole minimum at the same time.
const PRINCIPALS_AT_ONCE: u64 = 4;

/// The number of principals whose accounts are kept.
const MAX_PRINCIPALS: usize = 10_000;

impl Budget {
    /// At most `percent` retries for 100 requests of a principal, and `per_second` retries a second in
    /// addition.
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
        let minimum = u64::from(per_second);
        let of_one = Rates {
            deposit: u64::from(percent) * RETRY / 100,
            per_second: minimum,
            max: (minimum * 10).max(10) * RETRY,
        };
        let of_all = Rates {
            per_second: minimum * PRINCIPALS_AT_ONCE,
            max: of_one.max * PRINCIPALS_AT_ONCE,
            ..of_one
        };
        Self(Arc::new(Shared {
            accounts: Mutex::new(Accounts {
                all: Account::new(of_all),
                principals: HashMap::default(),
            }),
            of_one,
            of_all,
            hasher: KeyHasher::default(),
        }))
    }

    /// Counts one request.
    pub(crate) fn deposit(&self, principal: Option<&Principal>) {
        let Shared { of_one, of_all, .. } = &*self.0;
        self.with_accounts(principal, |own, all| {
            own.deposit(of_one);
            all.deposit(of_all);
        });
    }

    /// Takes one retry, if there is one.
    pub(crate) fn withdraw(&self, principal: Option<&Principal>, now: Instant) -> bool {
        let Shared { of_one, of_all, .. } = &*self.0;
        self.with_accounts(principal, |own, all| {
            own.pay_minimum(of_one, now);
            all.pay_minimum(of_all, now);
            let is_enough = own.balance >= RETRY && all.balance >= RETRY;
            if is_enough {
                own.balance -= RETRY;
                all.balance -= RETRY;
            }
            is_enough
        })
    }

    /// Changes the account of a principal and that of all callers. A name that is only claimed could
    /// be invented, and is as good as none.
    fn with_accounts<T>(
        &self,
        principal: Option<&Principal>,
        change: impl FnOnce(&mut Account, &mut Account) -> T,
    ) -> T {
        let verified = principal.filter(|principal| principal.is_verified());
        let who = verified.map(|who| (who.issuer(), who.subject(), who.tenant()));
        let who = self.0.hasher.hash_one(who);
        let accounts = &self.0.accounts;
        let mut accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let Accounts { all, principals } = &mut *accounts;
        if principals.len() >= MAX_PRINCIPALS && !principals.contains_key(&who) {
            principals.clear();
        }
        let own = principals.entry(who);
        change(own.or_insert_with(|| Account::new(self.0.of_one)), all)
    }
}

impl Account {
    fn new(rates: Rates) -> Self {
        Self {
            balance: rates.per_second * RETRY,
            paid_until: None,
        }
    }

    fn deposit(&mut self, rates: &Rates) {
        self.balance = rates.max.min(self.balance + rates.deposit);
    }

    /// Deposits the minimum for the time since it was last deposited.
    fn pay_minimum(&mut self, rates: &Rates, now: Instant) {
        let paid_until = self.paid_until.unwrap_or(now);
        let due = now.saturating_duration_since(paid_until);
        let millis = due.min(Duration::from_secs(10)).as_millis();
        if millis > 0 || self.paid_until.is_none() {
            self.paid_until = Some(now.max(paid_until));
        }
        // One retry a second is one thousandth a millisecond.
        let due = rates.per_second * u64::try_from(millis).unwrap_or(0);
        self.balance = rates.max.min(self.balance + due);
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
            .field("percent", &(self.0.of_one.deposit * 100 / RETRY))
            .field("per_second", &self.0.of_one.per_second)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "../tests/unit/budget.rs"]
mod tests;
