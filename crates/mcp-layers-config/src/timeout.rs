//! The table `timeout`.

use std::collections::BTreeMap;

use mcp_layers_timeout::{Limits, TimeoutHandle, TimeoutLayer};
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at, join},
    table::{Change, Table, with_handle},
    value::TimeSpan,
};

/// Settings of a [`TimeoutLayer`]: `[timeout]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TimeoutSettings {
    /// The longest time of a request, with or without progress.
    pub maximum: TimeSpan,
    /// The longest time without progress; no such limit by default.
    #[serde(default)]
    pub idle: Option<TimeSpan>,
    /// The longest time that a request waits for its client.
    #[serde(default = "default_input_wait")]
    pub input_wait: TimeSpan,
    /// Limits of methods, by their names.
    #[serde(default)]
    pub method: BTreeMap<String, LimitsSettings>,
    /// Limits of calls of tools, by their names or patterns such as `db_*`.
    #[serde(default)]
    pub tool: BTreeMap<String, LimitsSettings>,
    /// Answers calls of tools with a result that has `isError: true`.
    #[serde(default)]
    pub as_tool_error: bool,
}

/// Time limits of a method or tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LimitsSettings {
    /// The longest time of a request, with or without progress.
    pub maximum: TimeSpan,
    /// The longest time without progress; no such limit by default.
    #[serde(default)]
    pub idle: Option<TimeSpan>,
    /// The longest time that a request waits for its client.
    #[serde(default = "default_input_wait")]
    pub input_wait: TimeSpan,
}

fn default_input_wait() -> TimeSpan {
    Limits::DEFAULT_INPUT_WAIT.into()
}

impl LimitsSettings {
    /// A maximum, and the defaults of the layer.
    #[must_use]
    pub fn new(maximum: TimeSpan) -> Self {
        Self {
            maximum,
            idle: None,
            input_wait: default_input_wait(),
        }
    }

    fn limits(&self) -> Limits {
        let limits = Limits::maximum(self.maximum.get()).input_wait(self.input_wait.get());
        match self.idle {
            Some(idle) => limits.idle(idle.get()),
            None => limits,
        }
    }
}

impl TimeoutSettings {
    /// A maximum, and the defaults of the layer.
    #[must_use]
    pub fn new(maximum: TimeSpan) -> Self {
        Self {
            maximum,
            idle: None,
            input_wait: default_input_wait(),
            method: BTreeMap::new(),
            tool: BTreeMap::new(),
            as_tool_error: false,
        }
    }

    /// Builds the layer.
    ///
    /// # Errors
    /// As [`TimeoutLayer::method`] and [`TimeoutLayer::tool`].
    pub fn layer(&self) -> Result<TimeoutLayer, ConfigError> {
        let mut layer = TimeoutLayer::new(self.maximum.get()).input_wait(self.input_wait.get());
        if let Some(idle) = self.idle {
            layer = layer.idle(idle.get());
        }
        for (name, limits) in &self.method {
            let path = join("timeout.method", name);
            layer = layer.method(name, limits.limits()).map_err(at(path))?;
        }
        for (pattern, limits) in &self.tool {
            let path = join("timeout.tool", pattern);
            layer = layer.tool(pattern, limits.limits()).map_err(at(path))?;
        }
        if self.as_tool_error {
            layer = layer.as_tool_error();
        }
        Ok(layer)
    }
}

impl Table for TimeoutSettings {
    with_handle!(TimeoutLayer, TimeoutHandle);

    fn with_live_keys_of(&self, new: &Self) -> Self {
        Self {
            as_tool_error: self.as_tool_error,
            ..new.clone()
        }
    }

    fn prepare(&self, _: &Self, live: &TimeoutHandle) -> Result<Vec<Change>, ConfigError> {
        let (layer, live) = (self.layer()?, live.clone());
        Ok(vec![Box::new(move || live.set_limits(&layer))])
    }
}
