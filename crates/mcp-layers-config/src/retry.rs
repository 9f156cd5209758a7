//! The table `retry`.

use std::num::NonZeroU32;

use mcp_layers_retry::{Backoff, Budget, RetryHandle, RetryLayer};
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at},
    table::{Change, Table, with_handle},
    value::{Percent, TimeSpan, defaults::secs},
};

/// Settings of a [`RetryLayer`]: `[retry]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RetrySettings {
    /// The most attempts of a request, the first included.
    pub attempts: NonZeroU32,
    /// The wait between attempts.
    #[serde(default)]
    pub backoff: BackoffSettings,
    /// The longest time of all attempts together; no limit by default.
    #[serde(default)]
    pub deadline: Option<TimeSpan>,
    /// The longest time of one attempt; no limit by default.
    #[serde(default)]
    pub attempt_timeout: Option<TimeSpan>,
    /// The retry budget of each principal.
    #[serde(default)]
    pub budget: BudgetSettings,
    /// The tools that are safe to repeat, by their names or patterns such as `db_*`.
    #[serde(default)]
    pub repeatable_tools: Vec<String>,
    /// Repeats calls of tools that the server declares read-only or idempotent.
    #[serde(default)]
    pub trust_hints: bool,
    /// Repeats calls of repeatable tools that end with `isError: true`.
    #[serde(default)]
    pub repeat_tool_errors: bool,
    /// The longest wait that an answer can ask for.
    #[serde(default = "secs::<10>")]
    pub max_retry_after: TimeSpan,
}

/// The wait between attempts: a random time, whose maximum is doubled with each attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct BackoffSettings {
    /// The longest wait before the first retry.
    pub base: TimeSpan,
    /// The longest wait before any retry.
    pub max: TimeSpan,
}

impl Default for BackoffSettings {
    fn default() -> Self {
        let Backoff { base, max } = Backoff::default();
        Self {
            base: base.into(),
            max: max.into(),
        }
    }
}

/// The retry budget of each principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct BudgetSettings {
    /// Retries, as a share of the requests; at most 1000%.
    pub percent: Percent,
    /// Retries a second in addition.
    pub per_second: u32,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self {
            percent: Percent::new(20),
            per_second: 10,
        }
    }
}

impl RetrySettings {
    /// At most this many attempts, and the defaults of the layer.
    #[must_use]
    pub fn new(attempts: NonZeroU32) -> Self {
        Self {
            attempts,
            backoff: BackoffSettings::default(),
            deadline: None,
            attempt_timeout: None,
            budget: BudgetSettings::default(),
            repeatable_tools: Vec::new(),
            trust_hints: false,
            repeat_tool_errors: false,
            max_retry_after: secs::<10>(),
        }
    }

    /// Builds the layer.
    ///
    /// # Errors
    /// As [`Budget::new`] and [`RetryLayer::repeatable_tools`].
    pub fn layer(&self) -> Result<RetryLayer, ConfigError> {
        let budget = Budget::new(self.budget.percent.get(), self.budget.per_second);
        let backoff = Backoff {
            base: self.backoff.base.get(),
            max: self.backoff.max.get(),
        };
        let mut layer = RetryLayer::new(self.attempts)
            .backoff(backoff)
            .budget(budget.map_err(at("retry.budget.percent"))?)
            .max_retry_after(self.max_retry_after.get())
            .repeatable_tools(&self.repeatable_tools)
            .map_err(at("retry.repeatable_tools"))?;
        if let Some(deadline) = self.deadline {
            layer = layer.deadline(deadline.get());
        }
        if let Some(timeout) = self.attempt_timeout {
            layer = layer.attempt_timeout(timeout.get());
        }
        if self.trust_hints {
            layer = layer.trust_hints();
        }
        if self.repeat_tool_errors {
            layer = layer.repeat_tool_errors();
        }
        Ok(layer)
    }
}

impl Table for RetrySettings {
    with_handle!(RetryLayer, RetryHandle);

    fn with_live_keys_of(&self, new: &Self) -> Self {
        Self {
            attempts: new.attempts,
            ..self.clone()
        }
    }

    fn prepare(&self, _: &Self, live: &RetryHandle) -> Result<Vec<Change>, ConfigError> {
        let (attempts, live) = (self.attempts, live.clone());
        Ok(vec![Box::new(move || live.set_attempts(attempts))])
    }
}
