//! Caches of verified credentials.

use std::sync::Arc;

use mcp_layers_authenticate::{CachedVerifier, Verify};
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at},
    value::TimeSpan,
};

/// A cache of verified credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct VerifierCacheSettings {
    /// The most accepted credentials in the cache.
    pub max_capacity: usize,
    /// The time for which an accepted credential is cached.
    pub time_to_live: TimeSpan,
    /// The time for which a refused credential is cached.
    pub refusal_time_to_live: TimeSpan,
}

impl Default for VerifierCacheSettings {
    fn default() -> Self {
        Self {
            max_capacity: 10_000,
            time_to_live: TimeSpan::from_secs(300),
            refusal_time_to_live: CachedVerifier::DEFAULT_REFUSAL_TIME_TO_LIVE.into(),
        }
    }
}

impl VerifierCacheSettings {
    /// A cache around a verifier; `path` is that of the table.
    #[allow(dead_code)] // API keys need none.
    pub(super) fn around(
        &self,
        verifier: impl Verify,
        path: &str,
    ) -> Result<Arc<dyn Verify>, ConfigError> {
        Ok(Arc::new(self.cached(verifier, path)?))
    }

    pub(super) fn cached(
        &self,
        verifier: impl Verify,
        path: &str,
    ) -> Result<CachedVerifier, ConfigError> {
        let cached = CachedVerifier::new(verifier)
            .time_to_live(self.time_to_live.get())
            .refusal_time_to_live(self.refusal_time_to_live.get())
            .max_capacity(self.max_capacity);
        cached.map_err(at(format!("{path}.max_capacity")))
    }
}
