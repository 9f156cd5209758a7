//! The table `circuit_breaker`.

use std::num::NonZeroU32;

use mcp_layers_circuit_breaker::{CircuitBreakerLayer, CircuitKey, Window};
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at},
    table::fixed,
    value::{Percent, TimeSpan},
};

/// Settings of a [`CircuitBreakerLayer`]: `[circuit_breaker]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CircuitBreakerSettings {
    /// The requests that share a circuit.
    pub key: Circuits,
    /// The calls by which a circuit decides.
    pub window: WindowSettings,
    /// The number of calls in the window below which a circuit does not open.
    pub minimum_calls: NonZeroU32,
    /// The number of principals whose calls must have failed before a circuit opens for everybody.
    pub min_principals: NonZeroU32,
    /// The share of failed calls that opens a circuit, from 1% to 100%.
    pub failure_rate: Percent,
    /// The share of slow calls that opens a circuit; by default the duration does not matter.
    pub slow_call_rate: Option<SlowCallSettings>,
    /// The time for which a circuit stays open.
    pub open_for: TimeSpan,
    /// The number of probes that a half-open circuit lets through at the same time.
    pub probes: NonZeroU32,
    /// The time after which a probe without an answer makes room for another.
    pub probe_lease: TimeSpan,
    /// The most tools with a circuit of their own.
    pub max_circuits: usize,
    /// Refuses calls of tools with a result that has `isError: true`.
    pub as_tool_error: bool,
}

/// The requests that share a circuit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Circuits {
    /// The calls of one tool; for other methods, all requests of the method.
    #[default]
    Tool,
    /// The requests of one method.
    Method,
    /// All requests.
    Upstream,
}

/// The calls by which a circuit decides: `{ calls = 20 }` or `{ time = "1m" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WindowSettings {
    /// The latest calls, this many.
    Calls(NonZeroU32),
    /// The calls of the latest time.
    Time(TimeSpan),
}

/// The share of slow calls that opens a circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SlowCallSettings {
    /// The duration above which a call is slow.
    pub slower_than: TimeSpan,
    /// The share, from 1% to 100%.
    pub rate: Percent,
}

impl Default for CircuitBreakerSettings {
    fn default() -> Self {
        const ONE: NonZeroU32 = NonZeroU32::MIN;
        Self {
            key: Circuits::default(),
            window: WindowSettings::Calls(ONE.saturating_add(19)),
            minimum_calls: ONE.saturating_add(4),
            min_principals: ONE.saturating_add(1),
            failure_rate: Percent::new(50),
            slow_call_rate: None,
            open_for: TimeSpan::from_secs(30),
            probes: ONE,
            probe_lease: TimeSpan::from_secs(60),
            max_circuits: 512,
            as_tool_error: false,
        }
    }
}

impl CircuitBreakerSettings {
    /// Builds the layer.
    ///
    /// # Errors
    /// For a share that is not from 1% to 100%, and for a limit of zero.
    pub fn layer(&self) -> Result<CircuitBreakerLayer, ConfigError> {
        let key = match self.key {
            Circuits::Tool => CircuitKey::Tool,
            Circuits::Method => CircuitKey::Method,
            Circuits::Upstream => CircuitKey::Upstream,
        };
        let window = match self.window {
            WindowSettings::Calls(calls) => Window::Calls(calls),
            WindowSettings::Time(time) => Window::Time(time.get()),
        };
        let failure_rate = share("circuit_breaker.failure_rate", self.failure_rate)?;
        let mut layer = CircuitBreakerLayer::new()
            .key(key)
            .window(window)
            .minimum_calls(self.minimum_calls)
            .min_principals(self.min_principals)
            .failure_rate(failure_rate)
            .open_for(self.open_for.get())
            .probes(self.probes)
            .probe_lease(self.probe_lease.get())
            .max_circuits(self.max_circuits)
            .map_err(at("circuit_breaker.max_circuits"))?;
        if let Some(slow) = &self.slow_call_rate {
            let rate = share("circuit_breaker.slow_call_rate.rate", slow.rate)?;
            layer = layer.slow_call_rate(slow.slower_than.get(), rate);
        }
        Ok(match self.as_tool_error {
            true => layer.as_tool_error(),
            false => layer,
        })
    }
}

fn share(path: &str, percent: Percent) -> Result<mcp_layers_circuit_breaker::Percent, ConfigError> {
    // Beyond `u8` it is refused as any other that is over 100.
    let percent = u8::try_from(percent.get()).unwrap_or(u8::MAX);
    mcp_layers_circuit_breaker::Percent::new(percent).map_err(at(path))
}

fixed!(CircuitBreakerSettings => CircuitBreakerLayer);
