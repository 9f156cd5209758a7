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
    settings: Settings,
    handle: TimeoutHandle,
}

impl TimeoutLayer {
    /// Limits every request to `maximum`, with or without progress.
    #[must_use]
    pub fn new(maximum: Duration) -> Self {
        Self {
            settings: Settings::new(Limits::maximum(maximum)),
            handle: TimeoutHandle::default(),
        }
    }

    /// Also limits the time without progress. By default only the maximum holds. For a request whose
    /// caller asked for no progress, this is another maximum.
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Self {
        self.settings.general = self.settings.general.idle(idle);
        self
    }

    /// Sets the longest time that a request waits for its client. The default is 10 minutes. This
    /// time does not count towards the other limits.
    #[must_use]
    pub fn input_wait(mut self, input_wait: Duration) -> Self {
        self.settings.general = self.settings.general.input_wait(input_wait);
        self
    }

    /// Sets the limits of one method, by its name, for example `resources/read` or a vendor's.
    ///
    /// # Errors
    /// If the method cannot have a limit: long-lived methods
    /// ([`Method::is_long_lived`](mcp_layers_core::Method::is_long_lived)) and notifications.
    pub fn method(mut self, name: &str, limits: Limits) -> Result<Self, ConfigError> {
        self.settings.set_method(name, limits)?;
        Ok(self)
    }

    /// Sets the limits of calls of one tool, or of several: `build`, `db_*`. Of two patterns that
    /// match, the more specific one holds.
    ///
    /// # Errors
    /// If the pattern is no [`ToolPattern`](mcp_layers_core::ToolPattern).
    pub fn tool(mut self, pattern: &str, limits: Limits) -> Result<Self, ConfigError> {
        self.settings.set_tool(pattern, limits)?;
        Ok(self)
    }

    /// Answers a `tools/call` that takes too long with a result that has `isError: true` instead of
    /// a protocol error, so that a model reads the message.
    #[must_use]
    pub fn as_tool_error(mut self) -> Self {
        self.settings.refusal = self.settings.refusal.as_tool_error();
        self
    }

    /// A handle to the numbers and the limits of this layer.
    #[must_use]
    pub fn handle(&self) -> TimeoutHandle {
        self.handle.clone()
    }
}

impl TimeoutHandle {
    /// Sets the limits to those of another layer, for requests that begin from now on, in all services of
    /// this layer and of its clones. The form of the answer ([`TimeoutLayer::as_tool_error`]) stays.
    pub fn set_limits(&self, layer: &TimeoutLayer) {
        self.replace_limits(layer.settings.clone());
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        let state = State {
            settings: self.settings.clone(),
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
