//! The time of day, for dates in tokens.

use std::time::SystemTime;

use mcp_layers_core::{Clock, SystemClock};

/// A clock that also knows the date: `exp` and `nbf` are dates (RFC 7519, section 2).
pub trait WallClock: Clock {
    /// The date. It may jump.
    fn wall(&self) -> SystemTime;
}

impl WallClock for SystemClock {
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}
