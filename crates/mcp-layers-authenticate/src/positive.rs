//! Limits that must not be zero.

use mcp_layers_core::ConfigError;

/// Returns a limit unless it is 0.
pub(crate) fn positive(limit: usize, name: &str) -> Result<usize, ConfigError> {
    if limit == 0 {
        return Err(ConfigError::new(format!("{name} must be at least 1")));
    }
    Ok(limit)
}
