//! What an operator can do while the server runs.

use std::{fmt, sync::Arc};

use mcp_layers_core::ConfigError;

use crate::{MemoryStore, Quota, RateLimitStore, StoreState, layer::Shared};

/// Changes quotas and reads the state while the server runs. Clones speak of the same limits.
pub struct RateLimitHandle<St = MemoryStore>(pub(crate) Arc<Shared<St>>);

/// How the limits do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimitState {
    /// The rules, in their order.
    pub rules: Vec<RuleState>,
    /// The store.
    pub store: StoreState,
}

/// How one rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleState {
    /// Its name.
    pub name: Arc<str>,
    /// Its quota at present.
    pub quota: Quota,
    /// How many calls it refused.
    pub refused: u64,
}

impl<St: RateLimitStore> RateLimitHandle<St> {
    /// Gives a rule another quota, from the next call on. What is spent stays spent: a caller who
    /// has spent three calls of the old quota has spent three of the new one, or all of it when it
    /// is smaller. Every key of the rule is gone through once, shard by shard.
    ///
    /// # Errors
    /// When no rule has the name, or a call of it costs more than the new burst.
    pub fn set_quota(&self, rule: &str, quota: Quota) -> Result<(), ConfigError> {
        self.0.rules.set_quota(rule, quota)?;
        self.0.store.quota_changed(rule, quota);
        Ok(())
    }

    /// How the limits do.
    #[must_use]
    pub fn state(&self) -> RateLimitState {
        let rules = self.0.rules.states();
        let rules = rules.map(|(name, quota, refused)| RuleState {
            name,
            quota,
            refused,
        });
        RateLimitState {
            rules: rules.collect(),
            store: self.0.store.state(),
        }
    }
}

impl<St> Clone for RateLimitHandle<St> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<St> fmt::Debug for RateLimitHandle<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitHandle").finish_non_exhaustive()
    }
}
