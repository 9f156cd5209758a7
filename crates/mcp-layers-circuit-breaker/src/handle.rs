//! The handle, for operators.

use std::{borrow::Cow, sync::Arc, time::Duration};

use mcp_layers_core::trail::CircuitState;

use crate::{
    circuit::Mode,
    key::Name,
    settings::LayerSettings,
    shared_circuit::SharedCircuit,
    state::{CircuitBreakerStats, State},
    window::Counts,
};

/// A handle to the circuits of a layer. Clones share them.
///
/// Circuits are named as in [`CircuitStatus::circuit`].
#[derive(Debug, Clone)]
pub struct CircuitBreakerHandle {
    pub(crate) settings: LayerSettings,
    pub(crate) state: Arc<State>,
}

/// The status of one circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitStatus {
    /// The name: `tools/call NAME` for a tool, otherwise the method, `upstream`, or `_OTHER` for the
    /// tools without a circuit of their own.
    pub circuit: Cow<'static, str>,
    /// The state for everybody.
    pub state: CircuitState,
    /// The number of principals for whom alone the circuit is not closed.
    pub principals: usize,
    /// The mode.
    pub mode: Mode,
    /// The numbers of calls in the window.
    pub counts: Counts,
    /// The time until an open circuit lets a probe through.
    pub retry_after: Option<Duration>,
}

impl CircuitBreakerHandle {
    /// The numbers of the layer.
    #[must_use]
    pub fn stats(&self) -> CircuitBreakerStats {
        let all = self.state.all();
        CircuitBreakerStats {
            not_closed: all.iter().filter(|circuit| !is_closed(circuit)).count(),
            circuits: all.len(),
            ..*self.state.stats()
        }
    }

    /// The status of every circuit, sorted by name.
    #[must_use]
    pub fn circuits(&self) -> Vec<CircuitStatus> {
        let all = self.state.all();
        let mut all: Vec<_> = all.iter().map(|circuit| self.status(circuit)).collect();
        all.sort_by(|a, b| a.circuit.cmp(&b.circuit));
        all
    }

    /// The status of one circuit. `None` if there is no circuit with this name.
    #[must_use]
    pub fn circuit(&self, circuit: &str) -> Option<CircuitStatus> {
        let circuit = self.state.find(Name::parse(circuit)?)?;
        Some(self.status(&circuit))
    }

    /// Returns true if every circuit is closed for everybody: one word for a health page.
    #[must_use]
    pub fn all_closed(&self) -> bool {
        self.state.all().iter().all(|circuit| is_closed(circuit))
    }

    /// Sets the mode of a circuit. A tool that was never called gets a circuit. Returns false if the
    /// name is no circuit's, or if there is no room for another circuit.
    pub fn set_mode(&self, circuit: &str, mode: Mode) -> bool {
        let Some(name) = Name::parse(circuit) else {
            return false;
        };
        let found = self.state.circuit(name, &self.settings);
        let is_own = found.label == circuit;
        if is_own {
            found.with(|circuit| circuit.set_mode(mode));
        }
        is_own
    }

    /// Closes a circuit, for everybody and for each principal, and drops its samples. The mode stays.
    /// Returns false if there is no circuit with this name.
    pub fn reset(&self, circuit: &str) -> bool {
        let found = Name::parse(circuit).and_then(|name| self.state.find(name));
        if let Some(found) = &found {
            found.reset();
        }
        found.is_some()
    }

    fn status(&self, circuit: &SharedCircuit) -> CircuitStatus {
        let now = self.settings.clock.now();
        let principals = circuit.callers();
        circuit.with(|everybody| CircuitStatus {
            circuit: circuit.label.clone(),
            state: everybody.state(),
            principals,
            mode: everybody.mode(),
            counts: everybody.counts(now),
            retry_after: everybody.retry_after(now),
        })
    }
}

fn is_closed(circuit: &SharedCircuit) -> bool {
    circuit.with(|everybody| everybody.state() == CircuitState::Closed)
}
