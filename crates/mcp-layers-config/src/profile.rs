//! Profiles: values of keys that are not set.

use serde::{Deserialize, Serialize};

/// A profile: the values of keys that are not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Profile {
    /// For a developer's own machine: errors are shown to callers, there are no limits, and requests may
    /// take 10 minutes.
    Development,
    /// For servers: errors are masked, calls are limited, requests may take 30 seconds, and an audit log
    /// is required.
    Production,
}
