//! State that all services of a layer share: the circuits, and what was counted.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::RandomState},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use mcp_layers_core::{Classify, trail::CircuitState};

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

impl<F> Breaker<F> {
    /// The number of callers that must have failed before a circuit opens for everybody.
    pub(crate) fn min_callers(&self, caller: Caller) -> usize {
        self.state.min_callers(caller, self.settings.min_principals)
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    tools: RwLock<HashMap<Box<str>, Arc<SharedCircuit>>>,
    /// The circuits of methods, of the upstream, and of all tools without a circuit of their own.
    others: RwLock<HashMap<Cow<'static, str>, Arc<SharedCircuit>>>,
    /// True once a verified principal has called.
    knows_principals: AtomicBool,
    pub(crate) callers: RandomState,
    pub(crate) counters: Counters,
}

/// Numbers since the state was created.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) opened: AtomicU64,
    pub(crate) opened_for_one: AtomicU64,
    pub(crate) half_opened: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) refused: AtomicU64,
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

    /// As long as no verified principal has called, callers cannot be told apart, and one is enough.
    fn min_callers(&self, caller: Caller, setting: usize) -> usize {
        if caller.0.is_some() && !self.knows_principals.load(Relaxed) {
            self.knows_principals.store(true, Relaxed);
        }
        if self.knows_principals.load(Relaxed) {
            setting
        } else {
            1
        }
    }

    /// Counts and logs a change of state.
    pub(crate) fn changed(&self, circuit: &str, changed: Changed) {
        let scope = if changed.for_one {
            "one principal"
        } else {
            "everybody"
        };
        let counter = match (changed.to, changed.for_one) {
            (CircuitState::Open, false) => &self.counters.opened,
            (CircuitState::Open, true) => &self.counters.opened_for_one,
            (CircuitState::HalfOpen, _) => &self.counters.half_opened,
            _ => &self.counters.closed,
        };
        counter.fetch_add(1, Relaxed);
        let state = changed.to.as_str();
        if changed.to == CircuitState::Open {
            tracing::warn!(circuit, state, scope, "circuit opened");
        } else {
            tracing::info!(circuit, state, scope, "circuit changed its state");
        }
    }
}
