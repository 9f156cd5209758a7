//! Time limits, and the requests that they hold for.

use std::{collections::HashMap, time::Duration};

use mcp_layers_core::{ConfigError, McpRequest, Method, Refusal, ToolPattern};

/// The time limits of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest time in all, with or without progress. Time spent waiting for the client
    /// does not count.
    pub maximum: Duration,
    /// The longest time without progress. `None` for no such limit.
    pub idle: Option<Duration>,
    /// The longest time spent waiting for the client: for answers to elicitation, sampling and
    /// roots requests.
    pub input_wait: Duration,
}

impl Limits {
    /// The longest time that a request waits for its client by default: 10 minutes.
    pub const DEFAULT_INPUT_WAIT: Duration = Duration::from_secs(600);

    /// A maximum, with or without progress.
    #[must_use]
    pub fn maximum(maximum: Duration) -> Self {
        Self {
            maximum,
            idle: None,
            input_wait: Self::DEFAULT_INPUT_WAIT,
        }
    }

    /// Sets the longest time from the beginning, or from the latest progress, to the next progress.
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// Sets the longest time spent waiting for the client, in all. The default is 10 minutes.
    #[must_use]
    pub fn input_wait(mut self, input_wait: Duration) -> Self {
        self.input_wait = input_wait;
        self
    }
}

/// Settings of the layer.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) general: Limits,
    methods: HashMap<Box<str>, Limits>,
    /// The most specific patterns first.
    tools: Vec<(ToolPattern, Limits)>,
    pub(crate) refusal: Refusal,
}

impl Settings {
    pub(crate) fn new(general: Limits) -> Self {
        Self {
            general,
            methods: HashMap::new(),
            tools: Vec::new(),
            refusal: Refusal::new(),
        }
    }

    pub(crate) fn set_method(&mut self, name: &str, limits: Limits) -> Result<(), ConfigError> {
        let method = Method::new(name);
        if method.is_long_lived() || method.is_notification() {
            let problem = format!("`{name}` cannot have a time limit");
            return Err(ConfigError::new(problem));
        }
        self.methods.insert(name.into(), limits);
        Ok(())
    }

    pub(crate) fn set_tool(&mut self, pattern: &str, limits: Limits) -> Result<(), ConfigError> {
        let pattern = ToolPattern::new(pattern)?;
        self.tools.retain(|(known, _)| *known != pattern);
        self.tools.push((pattern, limits));
        self.tools
            .sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.specificity()));
        Ok(())
    }

    /// The limits of a request: those of its tool, otherwise those of its method, otherwise the
    /// general ones.
    pub(crate) fn limits_of<Req: McpRequest>(&self, request: &Req) -> Option<Limits> {
        let method = request.method();
        if method.is_long_lived() || method.is_notification() {
            return None;
        }
        if method == Method::CallTool
            && let Some(tool) = request.target()
            && let Some((_, limits)) = self.tools.iter().find(|(known, _)| known.matches(tool))
        {
            return Some(*limits);
        }
        if let Some(limits) = self.methods.get(method.as_str()) {
            return Some(*limits);
        }
        let exempt = method.is_lifecycle() || method.known().is_none();
        (!exempt).then_some(self.general)
    }
}
