//! Budgets in the memory of this process.

use std::{
    fmt,
    future::Pending,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use governor::Quota;
use mcp_layers_core::{Clock, ConfigError};
use smallvec::SmallVec;

use crate::{
    store::{Acquire, Cost, Decision, RateLimitStore, StoreStats, Verdict},
    table::{Bounds, Table, Wanted},
};

/// Budgets in the memory of this process. The default store.
///
/// # Bounds
///
/// 1. The store remembers at most [`MemoryStore::max_keys`] keys. Only a key of which nothing is
///    spent makes room for another one, so that no blocked caller gets a fresh budget.
/// 2. One caller brings in at most [`MemoryStore::max_keys_per_caller`] keys. All further keys of
///    that caller share one bucket for each rule. A caller is a verified principal; without one, a
///    client address (of an IPv6 address, the first 48 bits).
/// 3. When no key makes room, new keys of all callers share one bucket for each rule.
///
/// A key takes up to 150 bytes. The store keeps no keys, only 64-bit hashes of them (SipHash with a
/// random secret).
pub struct MemoryStore {
    state: Mutex<State>,
    hasher: RandomState,
}

struct State {
    table: Table,
    clock: Clock,
    start: Instant,
}

/// Entries that are converted to another quota before the lock is released for a moment.
const CONVERTED_AT_ONCE: usize = 1_024;

impl MemoryStore {
    /// The default of [`MemoryStore::max_keys`].
    pub const DEFAULT_MAX_KEYS: usize = 100_000;

    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State {
                table: Table::new(bounds(Self::DEFAULT_MAX_KEYS)),
                clock: Clock::system(),
                start: Instant::now(),
            }),
            hasher: RandomState::new(),
        }
    }

    /// Sets the maximum number of keys; 100,000 by default. Sets
    /// [`MemoryStore::max_keys_per_caller`] to 1/64 of it.
    ///
    /// # Errors
    /// When it is zero.
    pub fn max_keys(self, max_keys: usize) -> Result<Self, ConfigError> {
        self.set_max_keys(max_keys)?;
        Ok(self)
    }

    /// Sets the maximum number of keys that one caller brings in; 1/64 of all by default.
    ///
    /// # Errors
    /// When it is zero.
    pub fn max_keys_per_caller(self, max_keys_per_caller: usize) -> Result<Self, ConfigError> {
        at_least_one_key(max_keys_per_caller, "max_keys_per_caller")?;
        let mut state = self.lock();
        let max_keys = state.table.bounds().max_keys;
        state.restart(Bounds {
            max_keys,
            max_keys_per_caller,
        });
        drop(state);
        Ok(self)
    }

    /// Sets the clock; the operating system's by default.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        self.set_clock(clock);
        self
    }

    /// Charges all of the costs, or none.
    pub fn decide(&self, costs: &[Cost]) -> Verdict {
        let mut wanted: SmallVec<[_; 2]> = costs.iter().map(|cost| self.wanted(cost)).collect();
        let mut state = self.lock();
        let now = state.now();
        state.table.decide(&mut wanted, now)
    }

    /// Forgets all that is spent, and reads another clock from now on.
    pub(crate) fn set_clock(&self, clock: Clock) {
        let mut state = self.lock();
        state.clock = clock;
        let bounds = state.table.bounds();
        state.restart(bounds);
    }

    /// Forgets all that is spent, and remembers another number of keys from now on.
    pub(crate) fn set_max_keys(&self, max_keys: usize) -> Result<(), ConfigError> {
        at_least_one_key(max_keys, "max_keys")?;
        self.lock().restart(bounds(max_keys));
        Ok(())
    }

    fn wanted(&self, cost: &Cost) -> Wanted {
        Wanted {
            key: self.hasher.hash_one(&cost.key),
            rule: self.hasher.hash_one(&*cost.rule),
            caller: cost.caller,
            quota: cost.quota,
            cost: cost.amount,
            decided: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn restart(&mut self, bounds: Bounds) {
        self.table = Table::new(bounds);
        self.start = self.clock.now();
    }

    /// Nanoseconds since the start.
    fn now(&self) -> u64 {
        let since = self.clock.now().saturating_duration_since(self.start);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

fn at_least_one_key(bound: usize, setting: &str) -> Result<(), ConfigError> {
    match bound {
        0 => Err(ConfigError::new(format!("{setting}: at least one key"))),
        _ => Ok(()),
    }
}

fn bounds(max_keys: usize) -> Bounds {
    Bounds {
        max_keys,
        max_keys_per_caller: (max_keys / 64).max(1),
    }
}

impl RateLimitStore for MemoryStore {
    type Future = Pending<Decision>;

    fn acquire(&self, costs: &[Cost]) -> Acquire<Self::Future> {
        Acquire::Ready(self.decide(costs).into())
    }

    fn quota_changed(&self, rule: &str, quota: Quota) {
        let rule = self.hasher.hash_one(rule);
        let mut from = 0;
        loop {
            let mut state = self.lock();
            let now = state.now();
            let range = from..from + CONVERTED_AT_ONCE;
            if !state.table.convert(range, rule, now, quota) {
                return;
            }
            from += CONVERTED_AT_ONCE;
        }
    }

    fn stats(&self) -> StoreStats {
        let state = self.lock();
        StoreStats {
            keys: state.table.len(),
            max_keys: state.table.bounds().max_keys,
            overflowed: state.table.overflowed(),
            ..StoreStats::default()
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
