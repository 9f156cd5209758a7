//! The settings.

use std::{fmt, sync::Arc, time::Duration};

use mcp_layers_core::ConfigError;
use tower_layer::Layer;

use crate::{MemoryStore, RateLimit, RateLimitHandle, RateLimitStore, Rule, rules::Rules};

/// Lets calls pass at most as often as rules say.
///
/// All services that a layer makes, their clones and the layer's clones share their budgets.
/// [`RateLimitLayer::store`] begins with new ones.
pub struct RateLimitLayer<St = MemoryStore> {
    shared: Arc<Shared<St>>,
    settings: Settings,
}

/// What all services share.
pub(crate) struct Shared<St> {
    pub(crate) rules: Arc<Rules>,
    pub(crate) store: St,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settings {
    pub(crate) as_tool_error: bool,
    pub(crate) max_wait: Duration,
}

impl RateLimitLayer {
    /// Limits by these rules, with budgets in memory. All rules that concern a call must let it
    /// pass; if one does not, none is charged.
    ///
    /// # Errors
    /// When there is no rule, two have one name, or one could never limit, or never let a call
    /// pass.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Result<Self, ConfigError> {
        Ok(Self {
            shared: Arc::new(Shared {
                rules: Arc::new(Rules::new(rules.into_iter().collect())?),
                store: MemoryStore::new(),
            }),
            settings: Settings::default(),
        })
    }
}

impl<St: RateLimitStore> RateLimitLayer<St> {
    /// Keeps the budgets elsewhere: in a [`MemoryStore`] with other settings, or where other
    /// processes share them. Begins with new budgets, also for handles.
    #[must_use]
    pub fn store<St2: RateLimitStore>(self, store: St2) -> RateLimitLayer<St2> {
        let rules = Arc::clone(&self.shared.rules);
        RateLimitLayer {
            shared: Arc::new(Shared { rules, store }),
            settings: self.settings,
        }
    }

    /// Refuses a `tools/call` by a result with `isError: true`, which a model reads and can act
    /// on, in place of an error of the protocol. Other methods get the error.
    #[must_use]
    pub fn as_tool_error(mut self) -> Self {
        self.settings.as_tool_error = true;
        self
    }

    /// Lets a call wait for its turn for so long, and no longer than its deadline
    /// ([`CallContext::deadline`](mcp_layers_core::CallContext::deadline)); zero by default. A call
    /// that could not pass in time is refused at once. Nothing is taken or kept for a call that
    /// waits: who comes first when there is budget again gets it, and dropping the future costs
    /// nothing. Needs a runtime of tokio with time.
    #[cfg(feature = "wait")]
    #[cfg_attr(docsrs, doc(cfg(feature = "wait")))]
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.settings.max_wait = max_wait;
        self
    }

    /// Changes quotas and reads the state while the server runs.
    #[must_use]
    pub fn handle(&self) -> RateLimitHandle<St> {
        RateLimitHandle(Arc::clone(&self.shared))
    }
}

impl<S, St> Layer<S> for RateLimitLayer<St> {
    type Service = RateLimit<S, St>;

    fn layer(&self, inner: S) -> RateLimit<S, St> {
        RateLimit::new(inner, Arc::clone(&self.shared), self.settings)
    }
}

impl<St> Clone for RateLimitLayer<St> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            settings: self.settings,
        }
    }
}

impl<St> fmt::Debug for RateLimitLayer<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer")
            .field("rules", &self.shared.rules)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
