//! The table `address_limit`.

use std::num::NonZeroU8;

use mcp_layers_rate_limit::AddressLimitLayer;
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at},
    table::fixed,
    value::Rate,
};

/// Settings of an [`AddressLimitLayer`] around HTTP: `[address_limit]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AddressLimitSettings {
    /// The requests of each address for each unit of time.
    pub quota: Rate,
    /// The number of your own reverse proxies that append to `X-Forwarded-For`; none by default.
    #[serde(default)]
    pub trusted_hops: Option<NonZeroU8>,
    /// The bits of an IPv6 address that identify a client.
    #[serde(default = "default_ipv6_prefix")]
    pub ipv6_prefix: u8,
    /// The most addresses that have budgets.
    #[serde(default = "default_max_addresses")]
    pub max_addresses: usize,
}

fn default_ipv6_prefix() -> u8 {
    64
}

fn default_max_addresses() -> usize {
    mcp_layers_rate_limit::MemoryStore::DEFAULT_MAX_KEYS
}

impl AddressLimitSettings {
    /// A quota for each address, and the defaults of the layer.
    #[must_use]
    pub fn new(quota: Rate) -> Self {
        Self {
            quota,
            trusted_hops: None,
            ipv6_prefix: default_ipv6_prefix(),
            max_addresses: default_max_addresses(),
        }
    }

    /// Builds the layer.
    ///
    /// # Errors
    /// As the setters of [`AddressLimitLayer`].
    pub fn layer(&self) -> Result<AddressLimitLayer, ConfigError> {
        let quota = self.quota.quota().map_err(at("address_limit.quota"))?;
        let layer = AddressLimitLayer::new(quota).ipv6_prefix(self.ipv6_prefix);
        let layer = layer.map_err(at("address_limit.ipv6_prefix"))?;
        let layer = layer.max_addresses(self.max_addresses);
        let layer = layer.map_err(at("address_limit.max_addresses"))?;
        Ok(match self.trusted_hops {
            Some(hops) => layer.trusted_hops(hops),
            None => layer,
        })
    }
}

fixed!(AddressLimitSettings => AddressLimitLayer);
