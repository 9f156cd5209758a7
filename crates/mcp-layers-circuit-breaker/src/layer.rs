//! The settings.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use mcp_layers_core::{ByCode, Clock, SystemClock};
use tower_layer::Layer;

use crate::{
    CircuitBreaker, CircuitBreakerHandle, CircuitKey, NoFallback, Percent, Settings, Window,
    key::Name, registry::Registry,
};

/// Stops asking what fails.
///
/// All services that a layer makes, their clones and the layer's clones share one state: the
/// circuits. A setter begins a new one, and so does not reach the handles taken before.
pub struct CircuitBreakerLayer<K = ByCode, F = NoFallback, C = SystemClock> {
    pub(crate) breaker: Arc<Breaker<K, F, C>>,
    max_circuits: usize,
    known: Vec<Box<str>>,
}

/// What services share.
pub(crate) struct Breaker<K, F, C> {
    pub(crate) registry: Arc<Registry>,
    pub(crate) settings: Settings,
    pub(crate) key: CircuitKey,
    pub(crate) tool_errors: bool,
    pub(crate) classify: K,
    pub(crate) fallback: F,
    pub(crate) clock: C,
}

impl CircuitBreakerLayer {
    /// How many tools have a circuit of their own unless
    /// [`CircuitBreakerLayer::max_circuits`] says otherwise: 512.
    pub const DEFAULT_MAX_CIRCUITS: u16 = 512;

    /// A circuit for each tool and for each other method, which opens when half of the latest 20
    /// calls failed, 5 at least, and is tried again after 30 s.
    #[must_use]
    pub fn new() -> Self {
        let max_circuits = Self::DEFAULT_MAX_CIRCUITS.into();
        let settings = Settings::default();
        let breaker = Breaker {
            registry: Arc::new(Registry::new(settings, max_circuits)),
            settings,
            key: CircuitKey::default(),
            tool_errors: false,
            classify: ByCode::default(),
            fallback: NoFallback,
            clock: SystemClock::default(),
        };
        Self {
            breaker: Arc::new(breaker),
            max_circuits,
            known: Vec::new(),
        }
    }
}

impl Default for CircuitBreakerLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Clone, F: Clone, C: Clone> CircuitBreakerLayer<K, F, C> {
    /// Which calls share a circuit; those of one tool by default.
    #[must_use]
    pub fn key(self, key: CircuitKey) -> Self {
        self.change(|breaker| breaker.key = key)
    }

    /// Which calls a circuit judges by; the latest 20 by default.
    #[must_use]
    pub fn window(self, window: Window) -> Self {
        self.change(|breaker| breaker.settings.window = window)
    }

    /// How many calls the window must have before a circuit opens; 5 by default. No more count
    /// than a window of calls holds.
    #[must_use]
    pub fn minimum_calls(self, calls: NonZeroU32) -> Self {
        self.change(|breaker| breaker.settings.minimum_calls = calls)
    }

    /// Which share of failed calls opens a circuit; half by default.
    #[must_use]
    pub fn failure_rate(self, rate: Percent) -> Self {
        self.change(|breaker| breaker.settings.failure_rate = rate)
    }

    /// Which share of calls that take longer than `slower_than` opens a circuit, failed or not; by
    /// default time does not count. Costs two readings of the clock a call.
    #[must_use]
    pub fn slow_call_rate(self, slower_than: Duration, rate: Percent) -> Self {
        self.change(|breaker| breaker.settings.slow_calls = Some((slower_than, rate)))
    }

    /// For how long a circuit stays open; 30 s by default.
    #[must_use]
    pub fn open_for(self, time: Duration) -> Self {
        self.change(|breaker| breaker.settings.open_for = time)
    }

    /// How many calls try a circuit at a time that was open; one by default.
    #[must_use]
    pub fn probes(self, probes: NonZeroU32) -> Self {
        self.change(|breaker| breaker.settings.probes = probes)
    }

    /// How long such a call may take before another is let through in its place; 60 s by default.
    #[must_use]
    pub fn probe_lease(self, time: Duration) -> Self {
        self.change(|breaker| breaker.settings.probe_lease = time)
    }

    /// How many tools have a circuit of their own; 512 by default. All others share one.
    #[must_use]
    pub fn max_circuits(mut self, circuits: u16) -> Self {
        self.max_circuits = circuits.into();
        self.change(|_| {})
    }

    /// Names tools that have a circuit of their own from the first call on, whatever others are
    /// called.
    #[must_use]
    pub fn known_tools<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(|name| name.as_ref().into());
        self.known.extend(names);
        self.change(|_| {})
    }

    /// Answers `tools/call` with a result that has `isError: true` instead of an error, so that a
    /// model reads the text.
    #[must_use]
    pub fn answer_tool_errors(self) -> Self {
        self.change(|breaker| breaker.tool_errors = true)
    }

    /// What counts as a failure; [`ByCode`] by default.
    #[must_use]
    pub fn classify<K2: Clone>(self, classify: K2) -> CircuitBreakerLayer<K2, F, C> {
        self.with(|breaker| Breaker {
            registry: breaker.registry,
            settings: breaker.settings,
            key: breaker.key,
            tool_errors: breaker.tool_errors,
            classify,
            fallback: breaker.fallback,
            clock: breaker.clock,
        })
    }

    /// What is answered while a circuit is open: a [`Fallback`](crate::Fallback).
    #[must_use]
    pub fn fallback<F2: Clone>(self, fallback: F2) -> CircuitBreakerLayer<K, F2, C> {
        self.with(|breaker| Breaker {
            registry: breaker.registry,
            settings: breaker.settings,
            key: breaker.key,
            tool_errors: breaker.tool_errors,
            classify: breaker.classify,
            fallback,
            clock: breaker.clock,
        })
    }

    /// Reads the time elsewhere; the default is the operating system's monotonic clock.
    #[must_use]
    pub fn clock<C2: Clock>(self, clock: C2) -> CircuitBreakerLayer<K, F, C2> {
        self.with(|breaker| Breaker {
            registry: breaker.registry,
            settings: breaker.settings,
            key: breaker.key,
            tool_errors: breaker.tool_errors,
            classify: breaker.classify,
            fallback: breaker.fallback,
            clock,
        })
    }

    fn change(self, change: impl FnOnce(&mut Breaker<K, F, C>)) -> Self {
        self.with(|mut breaker| {
            change(&mut breaker);
            breaker
        })
    }

    fn with<K2: Clone, F2: Clone, C2: Clone>(
        self,
        change: impl FnOnce(Breaker<K, F, C>) -> Breaker<K2, F2, C2>,
    ) -> CircuitBreakerLayer<K2, F2, C2> {
        let mut breaker = change((*self.breaker).clone());
        let max = self.max_circuits.saturating_add(self.known.len());
        let registry = Registry::new(breaker.settings, max);
        for name in &self.known {
            registry.find_or_make(Name::Tool(name));
        }
        breaker.registry = Arc::new(registry);
        CircuitBreakerLayer {
            breaker: Arc::new(breaker),
            max_circuits: self.max_circuits,
            known: self.known,
        }
    }
}

impl<K, F, C: Clock> CircuitBreakerLayer<K, F, C> {
    /// The circuits of this layer, to look at and to change.
    #[must_use]
    pub fn handle(&self) -> CircuitBreakerHandle {
        let clock = self.breaker.clock.clone();
        CircuitBreakerHandle::new(Arc::clone(&self.breaker.registry), move || clock.now())
    }
}

impl<S, K, F, C> Layer<S> for CircuitBreakerLayer<K, F, C> {
    type Service = CircuitBreaker<S, K, F, C>;

    fn layer(&self, inner: S) -> Self::Service {
        CircuitBreaker::new(inner, Arc::clone(&self.breaker))
    }
}

impl<K: Clone, F: Clone, C: Clone> Clone for Breaker<K, F, C> {
    fn clone(&self) -> Self {
        Self {
            registry: Arc::clone(&self.registry),
            settings: self.settings,
            key: self.key,
            tool_errors: self.tool_errors,
            classify: self.classify.clone(),
            fallback: self.fallback.clone(),
            clock: self.clock.clone(),
        }
    }
}

impl<K, F, C> Clone for CircuitBreakerLayer<K, F, C> {
    fn clone(&self) -> Self {
        Self {
            breaker: Arc::clone(&self.breaker),
            max_circuits: self.max_circuits,
            known: self.known.clone(),
        }
    }
}

impl<K, F, C> fmt::Debug for CircuitBreakerLayer<K, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerLayer")
            .field("settings", &self.breaker.settings)
            .field("key", &self.breaker.key)
            .field("max_circuits", &self.max_circuits)
            .finish_non_exhaustive()
    }
}
