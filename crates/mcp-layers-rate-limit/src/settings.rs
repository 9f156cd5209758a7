//! The settings of a rate limit.

use std::time::Duration;

use mcp_layers_core::Refusal;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settings {
    pub(crate) refusal: Refusal,
    pub(crate) max_wait: Duration,
}
