//! The side of the protocol that is observed.

use serde::{Deserialize, Serialize};

/// The side of the protocol that is observed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// A server, and the requests that it answers.
    #[default]
    Server,
    /// A client, and the requests that it sends.
    Client,
}
