//! Settings of a circuit, as plain values.

use std::{fmt, num::NonZeroU32, time::Duration};

use mcp_layers_core::{Catalog, Clock, ConfigError, Refusal};

use crate::{
    key::CircuitKey,
    window::{Counts, Window},
};

/// A share of calls, from 1 % to 100 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    /// 50 %.
    pub const HALF: Self = Self(50);

    /// A share in percent.
    ///
    /// # Errors
    /// If it is not from 1 to 100.
    pub fn new(percent: u8) -> Result<Self, ConfigError> {
        match percent {
            1..=100 => Ok(Self(percent)),
            _ => Err(ConfigError::new(format!(
                "a share must be from 1 % to 100 %, not {percent} %"
            ))),
        }
    }

    /// Returns true if `part` of `all` is at least this share. False if `all` is zero.
    fn is_reached(self, part: u32, all: u32) -> bool {
        all > 0 && u64::from(part) * 100 >= u64::from(all) * u64::from(self.0)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// Settings of a [`Circuit`](crate::Circuit). [`CircuitBreakerLayer`](crate::CircuitBreakerLayer) has
/// a setter for each.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Settings {
    /// The calls by which the circuit decides.
    pub window: Window,
    /// The number of calls in the window below which the circuit does not open.
    pub minimum_calls: NonZeroU32,
    /// The share of failed calls that opens the circuit.
    pub failure_rate: Percent,
    /// The share of slow calls that opens the circuit, with the duration above which a call is slow.
    pub slow_calls: Option<(Duration, Percent)>,
    /// The time for which the circuit stays open.
    pub open_for: Duration,
    /// The number of probes that a half-open circuit lets through at the same time.
    pub probes: NonZeroU32,
    /// The time after which a probe without an answer makes room for another.
    pub probe_lease: Duration,
}

impl Default for Settings {
    /// A window of the latest 20 calls, at least 5 calls, 50 % failures, slow calls ignored, open for
    /// 30 s, one probe with a lease of 60 s.
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
    /// Returns true if calls with these numbers open a circuit.
    pub(crate) fn is_reached(&self, counts: Counts) -> bool {
        // A window of calls that holds fewer than the minimum could never open a circuit: then the
        // whole window is the minimum.
        let minimum = match self.window {
            Window::Calls(max) => self.minimum_calls.min(max),
            Window::Time(_) => self.minimum_calls,
        };
        let slow = self.slow_calls.map(|(_, rate)| rate);
        counts.calls >= minimum.get()
            && (self.failure_rate.is_reached(counts.failures, counts.calls)
                || slow.is_some_and(|rate| rate.is_reached(counts.slow, counts.calls)))
    }

    /// Returns true if at least one of these calls counts towards opening.
    pub(crate) fn is_bad(&self, counts: Counts) -> bool {
        counts.failures > 0 || (self.slow_calls.is_some() && counts.slow > 0)
    }
}

/// Settings of the layer.
#[derive(Debug, Clone)]
pub(crate) struct LayerSettings {
    pub(crate) circuit: Settings,
    pub(crate) key: CircuitKey,
    /// The most tools with a circuit of their own.
    pub(crate) max_circuits: usize,
    /// The number of principals whose calls failed before a circuit opens for everybody.
    pub(crate) min_principals: usize,
    pub(crate) refusal: Refusal,
    pub(crate) clock: Clock,
    /// The names that the server is known to have, where a request carries no catalog.
    pub(crate) catalog: Catalog,
}

impl Default for LayerSettings {
    fn default() -> Self {
        Self {
            circuit: Settings::default(),
            key: CircuitKey::default(),
            max_circuits: 512,
            min_principals: 2,
            refusal: Refusal::new(),
            clock: Clock::system(),
            catalog: Catalog::new(),
        }
    }
}
