//! State that all services of a layer share: the circuits, and what was counted.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use mcp_layers_core::{Classify, KeyHasher, trail::CircuitState};

use crate::{
    key::Name,
    settings::LayerSettings,
    shared_circuit::{Changed, SharedCircuit},
    window::Caller,
};

/// The longest tool name that has a circuit of its own, in bytes.
const MAX_NAME: usize = 128;

/// The parts that all services of a layer are made of.
#[derive(Clone)]
pub(crate) struct Breaker<F> {
    pub(crate) settings: LayerSettings,
    pub(crate) state: Arc<State>,
    pub(crate) classify: Arc<dyn Classify + Send + Sync>,
    pub(crate) fallback: F,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    tools: RwLock<HashMap<Box<str>, Arc<SharedCircuit>, KeyHasher>>,
    /// The circuits of methods, of the upstream, and of all tools without a circuit of their own.
    others: RwLock<HashMap<Cow<'static, str>, Arc<SharedCircuit>, KeyHasher>>,
    /// True once a verified principal has called.
    knows_principals: AtomicBool,
    pub(crate) callers: KeyHasher,
    stats: Mutex<CircuitBreakerStats>,
}

/// Numbers of a layer, since it was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitBreakerStats {
    /// The times that a circuit opened for everybody.
    pub opened: u64,
    /// The times that a circuit opened for one principal.
    pub opened_for_principal: u64,
    /// The times that a circuit became half open.
    pub half_opened: u64,
    /// The times that a circuit closed.
    pub closed: u64,
    /// The calls that were refused.
    pub refused: u64,
    /// The circuits that are not closed at this moment.
    pub not_closed: usize,
    /// The circuits that exist.
    pub circuits: usize,
}

impl State {
    /// The circuit of this name, created when it is new. Tools beyond the bound share one.
    pub(crate) fn circuit(&self, name: Name<'_>, settings: &LayerSettings) -> Arc<SharedCircuit> {
        if let Some(circuit) = self.find(name) {
            return circuit;
        }
        let create = || Arc::new(SharedCircuit::new(name.label(), settings.circuit));
        let Name::Tool(tool) = name else {
            let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
            return Arc::clone(others.entry(name.label()).or_insert_with(create));
        };
        let mut tools = self.tools.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(circuit) = tools.get(tool) {
            return Arc::clone(circuit);
        }
        if tools.len() >= settings.max_circuits || tool.len() > MAX_NAME {
            drop(tools);
            return self.circuit(Name::Other, settings);
        }
        let circuit = create();
        tools.insert(tool.into(), Arc::clone(&circuit));
        circuit
    }

    /// The circuit of this name, if there is one.
    pub(crate) fn find(&self, name: Name<'_>) -> Option<Arc<SharedCircuit>> {
        if let Name::Tool(tool) = name {
            let tools = self.tools.read().unwrap_or_else(PoisonError::into_inner);
            return tools.get(tool).cloned();
        }
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        others.get(name.fixed()?).cloned()
    }

    /// All circuits.
    pub(crate) fn all(&self) -> Vec<Arc<SharedCircuit>> {
        let tools = self.tools.read().unwrap_or_else(PoisonError::into_inner);
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        tools.values().chain(others.values()).cloned().collect()
    }

    /// The number of callers that must have failed before a circuit opens for everybody. As long as no
    /// verified principal has called, callers cannot be told apart, and one is enough.
    pub(crate) fn min_callers(&self, caller: Caller, settings: &LayerSettings) -> usize {
        if caller.0.is_some() && !self.knows_principals.load(Relaxed) {
            self.knows_principals.store(true, Relaxed);
        }
        if self.knows_principals.load(Relaxed) {
            settings.min_principals
        } else {
            1
        }
    }

    /// The numbers of events. Those of circuits are not kept.
    pub(crate) fn stats(&self) -> MutexGuard<'_, CircuitBreakerStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts and logs a change of state.
    pub(crate) fn changed(&self, circuit: &str, changed: Changed) {
        let scope = if changed.for_one {
            "one principal"
        } else {
            "everybody"
        };
        let mut stats = self.stats();
        match (changed.to, changed.for_one) {
            (CircuitState::Open, false) => stats.opened += 1,
            (CircuitState::Open, true) => stats.opened_for_principal += 1,
            (CircuitState::HalfOpen, _) => stats.half_opened += 1,
            _ => stats.closed += 1,
        }
        drop(stats);
        let state = changed.to.as_str();
        if changed.to == CircuitState::Open {
            tracing::warn!(circuit, state, scope, "circuit opened");
        } else {
            tracing::info!(circuit, state, scope, "circuit changed its state");
        }
    }
}
