//! The table `events`, and the gauges of reloads.

use mcp_layers_events::{EventsLayer, Gauges};
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at},
    handle::ConfigHandle,
    table::fixed,
};

/// Settings of an [`EventsLayer`]: `[events]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct EventsSettings {
    /// The most names of rules, of circuits and of layers that become label values, each.
    pub max_names: usize,
}

impl Default for EventsSettings {
    fn default() -> Self {
        Self { max_names: 128 }
    }
}

impl EventsSettings {
    /// Builds the layer.
    ///
    /// # Errors
    /// For a limit of zero.
    pub fn layer(&self) -> Result<EventsLayer, ConfigError> {
        let layer = EventsLayer::new().max_names(self.max_names);
        layer.map_err(at("events.max_names"))
    }
}

fixed!(EventsSettings => EventsLayer);

impl ConfigHandle {
    /// Adds two gauges: `mcp_layers.config.generation`, and `mcp_layers.config.reload_failed`, which is
    /// 1 after a reload that failed and 0 otherwise.
    #[cfg_attr(docsrs, doc(cfg(feature = "events")))]
    #[must_use]
    pub fn gauges(&self, gauges: Gauges) -> Gauges {
        let handle = self.clone();
        gauges.read(move |gauges| {
            #[allow(clippy::cast_precision_loss)] // Nobody reloads 2^52 times.
            let generation = handle.generation() as f64;
            let failed = f64::from(u8::from(handle.last_error().is_some()));
            gauges.set("mcp_layers.config.generation", generation);
            gauges.set("mcp_layers.config.reload_failed", failed);
        })
    }
}
