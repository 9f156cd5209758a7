//! The failures of a connection to a server.

use std::{error::Error, fmt};

use mcp_layers_core::ConfigError;

/// The reason why a call has no answer of the server. As the error of a service, it reaches the
/// layers; a client gets "Internal error" (-32603), unless a layer maps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// The server has ended.
    ServerGone,
    /// The server's answer is no JSON-RPC message that every parser reads alike.
    Unreadable,
    /// The server's answer exceeds the maximum length.
    TooLong,
    /// The request did not come from a client on the wire: a layer made it.
    Detached,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerGone => "the server has ended",
            Self::Unreadable => "the server's answer cannot be read",
            Self::TooLong => "the server's answer is too long",
            Self::Detached => "the request did not come from a client",
        })
    }
}

impl Error for WireError {}

/// Checks that a limit is not zero.
pub(crate) fn not_zero(value: usize, setter: &str) -> Result<usize, ConfigError> {
    match value {
        0 => Err(ConfigError::new(format!("{setter} must be at least 1"))),
        _ => Ok(value),
    }
}
