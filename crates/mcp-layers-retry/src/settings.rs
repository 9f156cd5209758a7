//! Settings of the layer, as plain values.

use std::{fmt, sync::Arc, time::Duration};

use mcp_layers_core::{ByCode, Classify, Clock, ToolPattern};

use crate::{backoff::Backoff, budget::Budget};

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) backoff: Backoff,
    /// The longest time of all attempts and waits together.
    pub(crate) deadline: Option<Duration>,
    pub(crate) attempt_timeout: Option<Duration>,
    /// The longest wait that an answer can ask for. Beyond it there is no further attempt.
    pub(crate) max_retry_after: Duration,
    pub(crate) budget: Budget,
    /// The tools that the operator declared repeatable.
    pub(crate) tools: Vec<ToolPattern>,
    pub(crate) trusts_hints: bool,
    pub(crate) repeats_tool_errors: bool,
    pub(crate) random: Arc<dyn Fn() -> u64 + Send + Sync>,
    pub(crate) classify: Arc<dyn Classify + Send + Sync>,
    pub(crate) clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            backoff: Backoff::default(),
            deadline: None,
            attempt_timeout: None,
            max_retry_after: Duration::from_secs(10),
            budget: Budget::default(),
            tools: Vec::new(),
            trusts_hints: false,
            repeats_tool_errors: false,
            random: Arc::new(|| fastrand::u64(..)),
            classify: Arc::new(ByCode::default()),
            clock: Clock::tokio(),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("backoff", &self.backoff)
            .field("deadline", &self.deadline)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("max_retry_after", &self.max_retry_after)
            .field("max_retry_after", &self.max_retry_after)
            .field("budget", &self.budget)
            .field("tools", &self.tools)
            .field("trusts_hints", &self.trusts_hints)
            .field("repeats_tool_errors", &self.repeats_tool_errors)
            .finish_non_exhaustive()
    }
}
