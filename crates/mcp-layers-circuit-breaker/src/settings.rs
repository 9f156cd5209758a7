//! When a circuit opens, and how it closes again.

use std::{fmt, num::NonZeroU32, time::Duration};

use mcp_layers_core::ConfigError;

use crate::Window;

/// A share of calls: more than none, and at most all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    /// Half of all.
    pub const HALF: Self = Self(50);

    /// A share in percent.
    ///
    /// # Errors
    /// When it is not from 1 to 100.
    pub fn new(percent: u8) -> Result<Self, ConfigError> {
        match percent {
            1..=100 => Ok(Self(percent)),
            _ => Err(ConfigError::new(format!(
                "a share of {percent} % is not from 1 to 100 %"
            ))),
        }
    }

    /// Whether `part` of `all` is at least this share; of none there is no share.
    pub(crate) fn is_reached(self, part: u32, all: u32) -> bool {
        all > 0 && u64::from(part) * 100 >= u64::from(all) * u64::from(self.0)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// When a circuit opens, and how it closes again: the settings of a [`Circuit`](crate::Circuit),
/// which [`CircuitBreakerLayer`](crate::CircuitBreakerLayer) has setters for.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Which calls it judges by.
    pub window: Window,
    /// It does not open before the window has this many calls.
    pub minimum_calls: NonZeroU32,
    /// It opens when this share of the calls failed.
    pub failure_rate: Percent,
    /// It opens also when this share of the calls was slower than that.
    pub slow_calls: Option<(Duration, Percent)>,
    /// For how long it stays open.
    pub open_for: Duration,
    /// How many calls try it at a time after that.
    pub probes: NonZeroU32,
    /// How long one of these may take before another is let through in its place.
    pub probe_lease: Duration,
}

impl Default for Settings {
    /// The latest 20 calls, of which at least 5; half of them failed; slow calls are not judged;
    /// open for 30 s; one probe, for at most 60 s.
    fn default() -> Self {
        const ONE: NonZeroU32 = NonZeroU32::MIN;
        Self {
            window: Window::Calls(ONE.saturating_add(19)),
            minimum_calls: ONE.saturating_add(4),
            failure_rate: Percent::HALF,
            slow_calls: None,
            open_for: Duration::from_secs(30),
            probes: ONE,
            probe_lease: Duration::from_secs(60),
        }
    }
}

impl Settings {
    /// A window of calls that holds fewer than the minimum could never open a circuit: then all of
    /// the window is the minimum.
    pub(crate) fn minimum(&self) -> u32 {
        match self.window {
            Window::Calls(max) => self.minimum_calls.min(max).get(),
            Window::Time(_) => self.minimum_calls.get(),
        }
    }
}
