//! The table `drain`.

use mcp_layers_drain::DrainLayer;
use serde::{Deserialize, Serialize};

use crate::{error::ConfigError, table::fixed, value::TimeSpan};

/// Settings of a [`DrainLayer`]: `[drain]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DrainSettings {
    /// The time after which refused callers are told to try again.
    pub retry_after: TimeSpan,
    /// Refuses calls of tools with a result that has `isError: true`.
    pub as_tool_error: bool,
}

impl Default for DrainSettings {
    fn default() -> Self {
        Self {
            retry_after: TimeSpan::from_secs(1),
            as_tool_error: false,
        }
    }
}

impl DrainSettings {
    /// Builds the layer.
    ///
    /// # Errors
    /// None at present.
    pub fn layer(&self) -> Result<DrainLayer, ConfigError> {
        let layer = DrainLayer::new().retry_after(self.retry_after.get());
        Ok(match self.as_tool_error {
            true => layer.as_tool_error(),
            false => layer,
        })
    }
}

fixed!(DrainSettings => DrainLayer);
