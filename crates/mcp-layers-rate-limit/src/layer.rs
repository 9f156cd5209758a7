//! The layer.

use std::sync::Arc;

use mcp_layers_core::{Clock, ConfigError};
use tower_layer::Layer;

use crate::{
    memory_store::MemoryStore,
    rule::Rule,
    rules::Rules,
    service::RateLimit,
    settings::Settings,
    state::{RateLimitHandle, State},
    store::RateLimitStore,
};

/// A layer that rate-limits calls by rules.
///
/// The layer, its clones, all services that they make and all handles share one set of budgets.
#[derive(Debug)]
pub struct RateLimitLayer<St = MemoryStore> {
    state: Arc<State<St>>,
    settings: Settings,
}

impl RateLimitLayer {
    /// A layer with these rules, and with budgets in memory. A call passes when every rule that
    /// applies lets it pass; otherwise no rule is charged.
    ///
    /// # Errors
    /// When there is no rule, two rules have the same name, or a rule could never limit a call or
    /// never let one pass.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Result<Self, ConfigError> {
        Self::with_store(rules, MemoryStore::new())
    }

    /// Sets the clock; the operating system's by default. Budgets start full.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        self.state.store.set_clock(clock);
        self
    }
}

impl<St: RateLimitStore> RateLimitLayer<St> {
    /// A layer whose budgets are in `store`: in a [`MemoryStore`] with settings of its own, or in a
    /// store that several processes share.
    ///
    /// # Errors
    /// As [`RateLimitLayer::new`].
    pub fn with_store(
        rules: impl IntoIterator<Item = Rule>,
        store: St,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            state: Arc::new(State::new(Rules::new(rules)?, store)),
            settings: Settings::default(),
        })
    }

    /// Refuses a `tools/call` with a tool result that has `isError: true`, which a model reads and
    /// can act on. Other methods get a protocol error.
    #[must_use]
    pub fn as_tool_error(mut self) -> Self {
        self.settings.refusal = self.settings.refusal.as_tool_error();
        self
    }

    /// Lets a call wait for budget for up to `max_wait`, and not beyond its deadline
    /// ([`CallContext::deadline`](mcp_layers_core::CallContext::deadline)); zero by default. A call
    /// that could not pass in time is refused at once. A waiting call reserves nothing: the first
    /// call that comes when there is budget gets it, and dropping the future costs nothing. Needs a
    /// tokio runtime with time enabled.
    #[cfg(feature = "wait")]
    #[cfg_attr(docsrs, doc(cfg(feature = "wait")))]
    #[must_use]
    pub fn max_wait(mut self, max_wait: std::time::Duration) -> Self {
        self.settings.max_wait = max_wait;
        self
    }

    /// A handle that changes quotas and reads counters while the server runs.
    #[must_use]
    pub fn handle(&self) -> RateLimitHandle<St> {
        RateLimitHandle(Arc::clone(&self.state))
    }
}

impl<S, St> Layer<S> for RateLimitLayer<St> {
    type Service = RateLimit<S, St>;

    fn layer(&self, inner: S) -> RateLimit<S, St> {
        RateLimit::with_state(inner, Arc::clone(&self.state), self.settings)
    }
}

impl<St> Clone for RateLimitLayer<St> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            settings: self.settings,
        }
    }
}
