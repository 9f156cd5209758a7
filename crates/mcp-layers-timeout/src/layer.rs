//! The layer.

use std::{sync::Arc, time::Duration};

use mcp_layers_core::{Clock, ConfigError};
use tower_layer::Layer;

use crate::{
    handle::TimeoutHandle,
    service::{State, Timeout},
    settings::{Limits, Settings},
};

/// Limits the time of requests.
///
/// The limits of a tool go before those of its method, and these before the general ones. The
/// lifecycle (`initialize`, `server/discover`, `ping`) and unknown methods have no limit unless
/// [`TimeoutLayer::method`] sets one.
#[derive(Debug, Clone)]
pub struct TimeoutLayer {
    handle: TimeoutHandle,
}

impl TimeoutLayer {
    /// Limits every request to `maximum`, with or without progress.
    #[must_use]
    pub fn new(maximum: Duration) -> Self {
        Self {
            handle: TimeoutHandle::new(Settings::new(Limits::maximum(maximum))),
        }
    }

    /// Also limits the time without progress. By default only the maximum holds. For a request whose
    /// caller asked for no progress, this is another maximum.
    #[must_use]
    pub fn idle(self, idle: Duration) -> Self {
        self.set(|settings| settings.general = settings.general.idle(idle))
    }

    /// Sets the longest time that a request waits for its client. The default is 10 minutes. This
    /// time does not count towards the other limits.
    #[must_use]
    pub fn input_wait(self, input_wait: Duration) -> Self {
        self.set(|settings| settings.general = settings.general.input_wait(input_wait))
    }

    /// Sets the limits of one method, by its name, for example `resources/read` or a vendor's.
    ///
    /// # Errors
    /// If the method cannot have a limit: long-lived methods
    /// ([`Method::is_long_lived`](mcp_layers_core::Method::is_long_lived)) and notifications.
    pub fn method(self, name: &str, limits: Limits) -> Result<Self, ConfigError> {
        self.try_set(|settings| settings.set_method(name, limits))
    }

    /// Sets the limits of calls of one tool, or of several: `build`, `db_*`. Of two patterns that
    /// match, the more specific one holds.
    ///
    /// # Errors
    /// If the pattern is no [`ToolPattern`](mcp_layers_core::ToolPattern).
    pub fn tool(self, pattern: &str, limits: Limits) -> Result<Self, ConfigError> {
        self.try_set(|settings| settings.set_tool(pattern, limits))
    }

    /// Answers a `tools/call` that takes too long with a result that has `isError: true` instead of
    /// a protocol error, so that a model reads the message.
    #[must_use]
    pub fn as_tool_error(self) -> Self {
        self.set(|settings| settings.refusal = settings.refusal.as_tool_error())
    }

    /// Changes a copy of the settings: clones made before keep theirs.
    fn set(self, set: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.handle.settings().clone();
        set(&mut settings);
        let handle = self.handle.with_settings(settings);
        Self { handle }
    }

    fn try_set(
        self,
        set: impl FnOnce(&mut Settings) -> Result<(), ConfigError>,
    ) -> Result<Self, ConfigError> {
        let mut outcome = Ok(());
        let layer = self.set(|settings| outcome = set(settings));
        outcome.map(|()| layer)
    }

    /// A handle to the limits and the numbers of this layer.
    #[must_use]
    pub fn handle(&self) -> TimeoutHandle {
        self.handle.clone()
    }
}

impl TimeoutHandle {
    /// Sets the limits to those of another layer, for requests that begin from now on: its general ones,
    /// and those of its methods and tools. Requests in flight keep theirs. The form of the answer
    /// ([`TimeoutLayer::as_tool_error`]) stays.
    ///
    /// ```
    /// use mcp_layers_timeout::TimeoutLayer;
    /// use std::time::Duration;
    ///
    /// let handle = TimeoutLayer::new(Duration::from_secs(30)).handle();
    /// handle.set_limits(&TimeoutLayer::new(Duration::from_secs(60)));
    /// ```
    pub fn set_limits(&self, layer: &TimeoutLayer) {
        let limits = layer.handle.settings().clone();
        self.replace_limits(limits);
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        let state = State {
            handle: self.handle.clone(),
            clock: Clock::tokio(),
        };
        Timeout::with_state(inner, Arc::new(state))
    }
}

impl<S> Timeout<S> {
    /// Wraps `inner` as `layer` does.
    pub fn new(inner: S, layer: &TimeoutLayer) -> Self {
        layer.layer(inner)
    }
}
