//! The layer.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use mcp_layers_core::{Classify, Clock, ConfigError, ToolPattern};
use tower_layer::Layer;

use crate::{
    backoff::Backoff,
    budget::Budget,
    handle::RetryHandle,
    service::Retry,
    settings::Settings,
    state::{Shared, State},
};

/// Repeats failed requests, if that is safe.
///
/// All services that a layer makes, their clones, the layer's clones and its handles share one state:
/// the numbers, and the most attempts. Setters keep it.
#[derive(Debug, Clone)]
pub struct RetryLayer {
    shared: Shared,
}

impl RetryLayer {
    /// At most this many attempts, the first included.
    #[must_use]
    pub fn new(attempts: NonZeroU32) -> Self {
        Self {
            shared: Shared {
                settings: Settings::default(),
                state: Arc::new(State::new(attempts.get())),
            },
        }
    }

    /// Sets the wait between attempts. The default is from 0 to 100 ms, doubled up to 10 s.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.shared.settings.backoff = backoff;
        self
    }

    /// Sets the longest time of all attempts and waits together, with or without progress. By
    /// default there is no limit. It is the deadline of inner layers, and ends the attempt that runs.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.shared.settings.deadline = Some(deadline);
        self
    }

    /// Sets the longest time of one attempt. By default there is no limit.
    #[must_use]
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.shared.settings.attempt_timeout = Some(timeout);
        self
    }

    /// Sets the retry budget. The default is 20 % of the requests, and 10 retries a second, for each
    /// principal. A clone of another layer's budget is shared with it.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.shared.settings.budget = budget;
        self
    }

    /// Declares tools repeatable, by exact name or prefix: `search`, `db_*`. Their own annotations
    /// do not matter.
    ///
    /// # Errors
    /// If a name is no [`ToolPattern`].
    pub fn repeatable_tools<N: AsRef<str>>(
        mut self,
        patterns: impl IntoIterator<Item = N>,
    ) -> Result<Self, ConfigError> {
        for pattern in patterns {
            self.shared.settings.tools.push(ToolPattern::new(pattern)?);
        }
        Ok(self)
    }

    /// Trusts the annotations of tools in the stack's [`Catalog`](mcp_layers_core::Catalog): calls of
    /// tools with `readOnlyHint` or `idempotentHint` are repeated. By default no annotation is trusted
    /// (2026-07-28, server/tools, "Annotations").
    #[must_use]
    pub fn trust_hints(mut self) -> Self {
        self.shared.settings.trusts_hints = true;
        self
    }

    /// Also repeats calls of repeatable tools that end with `isError: true`, if the classifier counts
    /// that as a failure, as [`ClassifyToolErrors`](mcp_layers_core::ClassifyToolErrors) does. By
    /// default results are never repeated.
    #[must_use]
    pub fn repeat_tool_errors(mut self) -> Self {
        self.shared.settings.repeats_tool_errors = true;
        self
    }

    /// Sets the longest wait that an answer can ask for. The default is 10 s. An answer that asks for
    /// a longer one is returned at once, unchanged, so that the caller sees when to come back. No attempt
    /// is made before the time that an answer asks for.
    #[must_use]
    pub fn max_retry_after(mut self, longest: Duration) -> Self {
        self.shared.settings.max_retry_after = longest;
        self
    }

    /// Sets the source of the jitter: random numbers of 64 bits.
    #[must_use]
    pub fn rng(mut self, random: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.shared.settings.random = Arc::new(random);
        self
    }

    /// Sets the classifier, which decides about the outcomes that are not final. The default is
    /// [`ByCode`](mcp_layers_core::ByCode).
    #[must_use]
    pub fn classify(mut self, classify: impl Classify + Send + Sync + 'static) -> Self {
        self.shared.settings.classify = Arc::new(classify);
        self
    }

    /// Reads the time from `clock`. The default is the clock of tokio's timers, by which the layer
    /// also waits.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.shared.settings.clock = clock;
        self
    }

    /// A handle to the numbers of this layer, and to its number of attempts.
    #[must_use]
    pub fn handle(&self) -> RetryHandle {
        RetryHandle {
            state: Arc::clone(&self.shared.state),
        }
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::with_state(inner, Arc::new(self.shared.clone()))
    }
}

impl<S> Retry<S> {
    /// Wraps `inner` as `layer` does.
    pub fn new(inner: S, layer: &RetryLayer) -> Self {
        layer.layer(inner)
    }
}
