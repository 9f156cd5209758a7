//! The clock of the runtime that sleeps.

use std::time::Instant;

use mcp_layers_core::Clock;

/// The clock by which tokio's timers go: the operating system's, which a test can pause
/// (`tokio::time::pause`).
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}
