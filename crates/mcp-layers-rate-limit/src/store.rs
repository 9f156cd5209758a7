//! The interface of a store of budgets.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use governor::Quota;
use mcp_layers_core::KeyWriter;

/// A store of the budgets of a [`RateLimitLayer`](crate::RateLimitLayer). The default is
/// [`MemoryStore`](crate::MemoryStore).
///
/// A store charges all costs of a call, or none. It answers within a bounded time, and applies a
/// fallback of its own while it cannot decide.
pub trait RateLimitStore: Send + Sync + 'static {
    /// A decision that is not available at once.
    type Future: Future<Output = Decision> + Send + 'static;

    /// Charges all of the costs, or none. Dropping the future must not leave a part of them charged.
    fn acquire(&self, costs: &[Cost]) -> Acquire<Self::Future>;

    /// Notifies the store that a rule has another quota from now on. Every [`Cost`](crate::Cost)
    /// carries the quota of its time; calls that come late may carry the old one.
    fn quota_changed(&self, rule: &str, quota: Quota) {
        let _ = (rule, quota);
    }

    /// Counters and gauges of the store.
    fn stats(&self) -> StoreStats;
}

/// A decision, available at once or later.
#[derive(Debug)]
pub enum Acquire<F> {
    /// The decision is available.
    Ready(Decision),
    /// The future resolves to the decision.
    Pending(F),
}

/// A store's decision about one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The outcome for the call.
    pub verdict: Verdict,
    /// True if the store was unavailable, and its fallback decided.
    pub is_fallback: bool,
}

/// The outcome for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// All costs are charged.
    Admitted,
    /// No cost is charged, because one exceeds its budget.
    Limited {
        /// The index of the cost that has to wait longest.
        index: usize,
        /// The time until all costs can be charged, if no other call is charged meanwhile.
        retry_after: Duration,
    },
    /// No cost is charged, because the store is unavailable.
    Unavailable,
}

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            is_fallback: false,
        }
    }
}

/// Counters and gauges of a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStats {
    /// Keys that this process remembers.
    pub keys: usize,
    /// The maximum number of keys that this process remembers.
    pub max_keys: usize,
    /// Costs that went to a bucket shared by several keys, because a bound was reached.
    pub overflowed: u64,
    /// True if the store is unavailable at present.
    pub is_unavailable: bool,
    /// Calls decided by the fallback.
    pub fallback_decisions: u64,
}

/// The cost of a call under one rule, and the bucket that it is charged to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Cost {
    /// The name of the rule.
    pub rule: Arc<str>,
    /// The key of the bucket. It begins with the rule's name, and so is unique among rules.
    pub key: Vec<u8>,
    /// The present quota of the rule.
    pub quota: Quota,
    /// The number of calls that this one counts as.
    pub amount: NonZeroU32,
    /// A hash of the caller to whose share of a bounded store a new key counts; `None` if callers
    /// have no influence on the key.
    pub caller: Option<u64>,
}

impl Cost {
    /// A cost whose key `write_key` completes.
    pub fn new(
        rule: impl Into<Arc<str>>,
        quota: Quota,
        amount: NonZeroU32,
        write_key: impl FnOnce(&mut KeyWriter<'_>),
    ) -> Self {
        let rule = rule.into();
        let mut key = Vec::with_capacity(128);
        write_key(KeyWriter::new(&mut key).text(&rule));
        Self {
            rule,
            key,
            quota,
            amount,
            caller: None,
        }
    }

    /// Sets the caller.
    #[must_use]
    pub fn with_caller(self, caller: Option<u64>) -> Self {
        Self { caller, ..self }
    }
}
