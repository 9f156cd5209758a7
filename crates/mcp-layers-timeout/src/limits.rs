//! How long which request may take.

use std::{collections::HashMap, time::Duration};

use mcp_layers_core::{McpRequest, Method};

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    maximum: Duration,
    idle: Option<Duration>,
}

impl Limits {
    /// At most this long, whatever progress is reported.
    #[must_use]
    pub fn maximum(maximum: Duration) -> Self {
        Self {
            maximum,
            idle: None,
        }
    }

    /// And at most this long since the beginning or since the latest progress.
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// The longest time in all.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.maximum
    }

    /// The longest time without progress.
    #[must_use]
    pub fn longest_idle(&self) -> Option<Duration> {
        self.idle
    }
}

/// Which limits a request has.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) general: Limits,
    pub(crate) methods: HashMap<Box<str>, Limits, foldhash::fast::RandomState>,
    pub(crate) tools: HashMap<Box<str>, Limits, foldhash::fast::RandomState>,
}

impl Table {
    pub(crate) fn new(general: Limits) -> Self {
        Self {
            general,
            methods: HashMap::default(),
            tools: HashMap::default(),
        }
    }

    /// The limits of a tool go before those of a method, and these before the general ones.
    pub(crate) fn of<Req: McpRequest>(&self, request: &Req) -> Option<Limits> {
        let method = request.method();
        if method.is_long_lived() || method.is_notification() {
            return None;
        }
        if method == Method::CallTool
            && !self.tools.is_empty()
            && let Some(limits) = request.target().and_then(|tool| self.tools.get(tool))
        {
            return Some(*limits);
        }
        if !self.methods.is_empty()
            && let Some(limits) = self.methods.get(method.as_str())
        {
            return Some(*limits);
        }
        let exempt = method.is_lifecycle() || method.known().is_none();
        (!exempt).then_some(self.general)
    }
}
