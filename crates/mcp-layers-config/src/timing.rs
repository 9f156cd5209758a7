//! The table `timing`.

use mcp_layers_timing::TimingLayer;
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at},
    side::Side,
    table::fixed,
};

/// Settings of a [`TimingLayer`]: `[timing]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct TimingSettings {
    /// The side whose durations are recorded.
    pub side: Side,
    /// The most names of tools, and of prompts, that become label values.
    pub max_names: usize,
    /// The most series of durations.
    pub max_series: usize,
}

impl Default for TimingSettings {
    fn default() -> Self {
        Self {
            side: Side::Server,
            max_names: 512,
            max_series: 1_600,
        }
    }
}

impl TimingSettings {
    /// Builds the layer.
    ///
    /// # Errors
    /// For limits of zero.
    pub fn layer(&self) -> Result<TimingLayer, ConfigError> {
        let layer = match self.side {
            Side::Server => TimingLayer::server(),
            Side::Client => TimingLayer::client(),
        };
        let layer = layer.max_names(self.max_names);
        let layer = layer.map_err(at("timing.max_names"))?;
        let layer = layer.max_series(self.max_series);
        layer.map_err(at("timing.max_series"))
    }
}

fixed!(TimingSettings => TimingLayer);
