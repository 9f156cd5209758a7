//! Freshness: a time to live and a scope, set by the operator.

use std::time::Duration;

use mcp_layers_core::response::CacheScope;

/// A time to live and a scope for cached results, set by the operator.
///
/// Converts from a `Duration`: `layer.prompt("greet", Duration::from_secs(60))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    time_to_live: Duration,
    scope: Option<CacheScope>,
}

impl Freshness {
    /// Creates a freshness with this time to live; zero turns caching off. The scope is the
    /// result's `cacheScope` where the protocol defines one, else private.
    #[must_use]
    pub const fn new(time_to_live: Duration) -> Self {
        Self {
            time_to_live,
            scope: None,
        }
    }

    /// Shares the result with all callers; ignores its `cacheScope`.
    #[must_use]
    pub const fn public(mut self) -> Self {
        self.scope = Some(CacheScope::Public);
        self
    }

    /// Keeps the result for one authorization context; ignores its `cacheScope`.
    #[must_use]
    pub const fn private(mut self) -> Self {
        self.scope = Some(CacheScope::Private);
        self
    }

    /// Returns the time to live.
    #[must_use]
    pub const fn time_to_live(&self) -> Duration {
        self.time_to_live
    }

    /// Returns the scope, if one is set.
    #[must_use]
    pub const fn scope(&self) -> Option<CacheScope> {
        self.scope
    }
}

impl From<Duration> for Freshness {
    fn from(time_to_live: Duration) -> Self {
        Self::new(time_to_live)
    }
}
