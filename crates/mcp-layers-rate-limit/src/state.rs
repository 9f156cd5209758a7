//! The state that all services and handles of a layer share.

use std::sync::{Arc, Mutex, PoisonError};

use governor::Quota;
use mcp_layers_core::{ConfigError, Event, McpError, McpRequest, Refusal};
use serde_json::json;

use crate::{
    memory_store::MemoryStore,
    rules::{RuleStats, Rules},
    store::{Cost, RateLimitStore, StoreStats, Verdict},
};

#[derive(Debug)]
pub(crate) struct State<St> {
    pub(crate) rules: Rules,
    pub(crate) store: St,
    /// Held while a quota changes, so that rules and store have the same one in the end.
    changing: Mutex<()>,
}

impl<St> State<St> {
    pub(crate) fn new(rules: Rules, store: St) -> Self {
        Self {
            rules,
            store,
            changing: Mutex::new(()),
        }
    }

    /// The answer to a call that does not pass: 429 with the rule and the time until the call can
    /// pass, never the key; or 503 if the store is unavailable.
    pub(crate) fn refuse<Req: McpRequest>(
        &self,
        request: &Req,
        costs: &[Cost],
        verdict: Verdict,
        refusal: Refusal,
    ) -> Req::Response {
        let Verdict::Limited { index, retry_after } = verdict else {
            let error = McpError::unavailable().with("reason", "rate_limit_unavailable");
            return refusal.answer(request, error, store_unavailable(false));
        };
        let rule = limiting_rule(costs, index);
        self.rules.count_refusal(rule);
        let event = Event::Limited {
            rule: rule.to_string().into(),
            retry_after,
        };
        let error = McpError::rate_limited_by(rule, retry_after);
        refusal.answer(request, error, event)
    }
}

/// The rule whose budget a call has to wait for.
pub(crate) fn limiting_rule(costs: &[Cost], index: usize) -> &Arc<str> {
    let cost = costs.get(index);
    &cost
        .expect("a store refuses by one of the costs that it was given")
        .rule
}

/// The event of a decision by the fallback of an unavailable store.
pub(crate) fn store_unavailable(admitted: bool) -> Event {
    Event::Custom {
        layer: "rate_limit",
        name: "store_unavailable",
        detail: Box::new(json!({ "admitted": admitted })),
    }
}

/// A handle that changes quotas and reads counters while the server runs. Clones act on the same
/// limits.
#[derive(Debug)]
pub struct RateLimitHandle<St = MemoryStore>(pub(crate) Arc<State<St>>);

/// Counters and gauges of a rate limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimitStats {
    /// The rules, in their order.
    pub rules: Vec<RuleStats>,
    /// The store.
    pub store: StoreStats,
}

impl<St: RateLimitStore> RateLimitHandle<St> {
    /// Sets the quota of a rule, from the next call on. Spent calls stay spent: a caller that has
    /// spent three calls of the old quota has spent three of the new one, or all of a smaller burst.
    /// Visits every key of the store once.
    ///
    /// # Errors
    /// When no rule has the name, or a call of the rule costs more than the new burst.
    pub fn set_quota(&self, rule: &str, quota: Quota) -> Result<(), ConfigError> {
        let changing = &self.0.changing;
        let _changing = changing.lock().unwrap_or_else(PoisonError::into_inner);
        let notify_store = || self.0.store.quota_changed(rule, quota);
        self.0.rules.set_quota(rule, quota, notify_store)
    }

    /// Counters and gauges of the limits.
    #[must_use]
    pub fn stats(&self) -> RateLimitStats {
        RateLimitStats {
            rules: self.0.rules.stats(),
            store: self.0.store.stats(),
        }
    }
}

impl<St> Clone for RateLimitHandle<St> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
