//! The layer.

use std::sync::Arc;

use mcp_layers_core::ConfigError;
use tower_layer::Layer;

use super::{
    permits::{ConcurrencyLimitHandle, Permits},
    service::ConcurrencyLimit,
    settings::{Settings, at_least_one},
};
use crate::key_component::KeyComponent;

/// A layer that limits the number of calls in flight for each key, so that one caller with slow
/// calls does not occupy a whole server.
///
/// It applies to `tools/call`, `prompts/get`, `resources/read` and `completion/complete`. A call
/// beyond the limit is refused at once with 429 and `reason` `concurrency_limited`: 429 and not 503,
/// because the caller has too many calls in flight, not the server. A call gives its place back when
/// it completes, fails, panics or is dropped. Long-lived requests do not count, unless
/// [`ConcurrencyLimitLayer::max_long_lived`] gives them places of their own.
///
/// The table holds only keys that have calls in flight. Clones share it.
///
/// ```
/// use mcp_layers_rate_limit::{ConcurrencyLimitLayer, KeyComponent};
///
/// let layer = ConcurrencyLimitLayer::new("in-flight", 8)?
///     .key([KeyComponent::Principal, KeyComponent::Tool]);
/// assert_eq!(layer.handle().stats().in_flight, 0);
/// # Ok::<(), mcp_layers_core::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
#[doc(alias = "bulkhead")]
pub struct ConcurrencyLimitLayer {
    permits: Arc<Permits>,
    settings: Arc<Settings>,
}

impl ConcurrencyLimitLayer {
    /// A limit of `max_in_flight` calls at once for each principal. Refused callers are told the
    /// name.
    ///
    /// # Errors
    /// When the limit is zero, or the name has not 1 to 64 bytes or has control characters.
    pub fn new(name: impl Into<Box<str>>, max_in_flight: usize) -> Result<Self, ConfigError> {
        Ok(Self {
            permits: Arc::default(),
            settings: Arc::new(Settings::new(name.into(), max_in_flight)?),
        })
    }

    /// Sets the components of the key; the principal by default. Without any component all callers
    /// share one limit.
    #[must_use]
    pub fn key(mut self, components: impl IntoIterator<Item = KeyComponent>) -> Self {
        Arc::make_mut(&mut self.settings).key = components.into_iter().collect();
        self
    }

    /// Sets the maximum number of long-lived requests at once for each key. They are counted apart:
    /// a subscription takes no call's place. No limit by default.
    ///
    /// # Errors
    /// When it is zero.
    pub fn max_long_lived(mut self, max_long_lived: usize) -> Result<Self, ConfigError> {
        at_least_one(max_long_lived, "max_long_lived")?;
        Arc::make_mut(&mut self.settings).max_long_lived = Some(max_long_lived);
        Ok(self)
    }

    /// Refuses a `tools/call` with a tool result that has `isError: true`.
    #[must_use]
    pub fn as_tool_error(mut self) -> Self {
        let settings = Arc::make_mut(&mut self.settings);
        settings.refusal = settings.refusal.as_tool_error();
        self
    }

    /// A handle that sets the limit and reads counters while the server runs.
    #[must_use]
    pub fn handle(&self) -> ConcurrencyLimitHandle {
        ConcurrencyLimitHandle(Arc::clone(&self.permits))
    }
}

impl<S> Layer<S> for ConcurrencyLimitLayer {
    type Service = ConcurrencyLimit<S>;

    fn layer(&self, inner: S) -> ConcurrencyLimit<S> {
        let (permits, settings) = (Arc::clone(&self.permits), Arc::clone(&self.settings));
        ConcurrencyLimit::with_state(inner, permits, settings)
    }
}
