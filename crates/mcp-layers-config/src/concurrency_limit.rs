//! The table `concurrency_limit`.

use std::num::NonZeroUsize;

use mcp_layers_rate_limit::{ConcurrencyLimitHandle, ConcurrencyLimitLayer, KeyComponent};
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at},
    rate_limit::KeyPart,
    table::{Change, Table, with_handle},
};

/// Settings of a [`ConcurrencyLimitLayer`]: `[concurrency_limit]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConcurrencyLimitSettings {
    /// The name, which refused callers are told.
    #[serde(default = "default_name")]
    pub name: String,
    /// The most calls in flight for each key.
    pub max_in_flight: NonZeroUsize,
    /// The components of the key. Without any, all callers share one limit.
    #[serde(default = "default_key")]
    pub key: Vec<KeyPart>,
    /// The most long-lived requests at once for each key; no limit by default.
    #[serde(default)]
    pub max_long_lived: Option<usize>,
    /// Refuses calls of tools with a result that has `isError: true`.
    #[serde(default)]
    pub as_tool_error: bool,
}

fn default_name() -> String {
    "in_flight".to_owned()
}

fn default_key() -> Vec<KeyPart> {
    vec![KeyPart::Principal]
}

impl ConcurrencyLimitSettings {
    /// A limit for each principal, and the defaults of the layer.
    #[must_use]
    pub fn new(max_in_flight: NonZeroUsize) -> Self {
        Self {
            name: default_name(),
            max_in_flight,
            key: default_key(),
            max_long_lived: None,
            as_tool_error: false,
        }
    }

    /// Builds the layer.
    ///
    /// # Errors
    /// As [`ConcurrencyLimitLayer::new`], and for limits of zero.
    pub fn layer(&self) -> Result<ConcurrencyLimitLayer, ConfigError> {
        let layer = ConcurrencyLimitLayer::new(self.name.as_str(), self.max_in_flight.get());
        let mut layer = layer.map_err(at("concurrency_limit.name"))?;
        layer = layer.key(self.key.iter().copied().map(KeyComponent::from));
        if let Some(max) = self.max_long_lived {
            let limited = layer.max_long_lived(max);
            layer = limited.map_err(at("concurrency_limit.max_long_lived"))?;
        }
        Ok(match self.as_tool_error {
            true => layer.as_tool_error(),
            false => layer,
        })
    }
}

impl Table for ConcurrencyLimitSettings {
    with_handle!(ConcurrencyLimitLayer, ConcurrencyLimitHandle);

    fn with_live_keys_of(&self, new: &Self) -> Self {
        Self {
            max_in_flight: new.max_in_flight,
            ..self.clone()
        }
    }

    fn prepare(&self, _: &Self, live: &ConcurrencyLimitHandle) -> Result<Vec<Change>, ConfigError> {
        let (max, live) = (self.max_in_flight, live.clone());
        Ok(vec![Box::new(move || live.set_max_in_flight(max))])
    }
}
