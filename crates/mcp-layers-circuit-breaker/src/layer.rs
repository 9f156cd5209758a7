//! The layer.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use mcp_layers_core::{ByCode, Classify, Clock, ConfigError};
use tower_layer::Layer;

use crate::{
    fallback::NoFallback,
    handle::CircuitBreakerHandle,
    key::CircuitKey,
    service::CircuitBreaker,
    settings::{LayerSettings, Percent},
    state::Breaker,
    window::Window,
};

/// Refuses calls of a tool or method while too many of them fail.
///
/// All services that a layer makes, their clones, the layer's clones and its handles share one state:
/// the circuits. Setters keep it. A circuit that exists keeps the settings that it was created with.
#[derive(Clone)]
pub struct CircuitBreakerLayer<F = NoFallback> {
    breaker: Breaker<F>,
}

impl CircuitBreakerLayer {
    /// A circuit for each tool and for each other method. It opens when half of the latest 20 calls
    /// failed, at least 5, and lets a probe through after 30 s.
    #[must_use]
    pub fn new() -> Self {
        Self {
            breaker: Breaker {
                settings: LayerSettings::default(),
                state: Arc::default(),
                classify: Arc::new(ByCode::default()),
                fallback: NoFallback,
            },
        }
    }
}

impl Default for CircuitBreakerLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> CircuitBreakerLayer<F> {
    /// Sets the requests that share a circuit. The default is one circuit for each tool.
    #[must_use]
    pub fn key(mut self, key: CircuitKey) -> Self {
        self.breaker.settings.key = key;
        self
    }

    /// Sets the calls by which a circuit decides. The default is the latest 20.
    #[must_use]
    pub fn window(mut self, window: Window) -> Self {
        self.breaker.settings.circuit.window = window;
        self
    }

    /// Sets the number of calls in the window below which a circuit does not open. The default is 5;
    /// at most the whole of a window of calls is required.
    #[must_use]
    pub fn minimum_calls(mut self, calls: NonZeroU32) -> Self {
        self.breaker.settings.circuit.minimum_calls = calls;
        self
    }

    /// Sets the number of principals whose calls must have failed before a circuit opens for
    /// everybody. The default is 2.
    ///
    /// While the failures come from fewer, a circuit opens only for the principal whose own calls in
    /// the window would open it. All callers without a verified principal count as one; as long as
    /// no verified principal has called, that one is enough. With 1, every circuit opens for
    /// everybody.
    #[must_use]
    pub fn min_principals(mut self, principals: NonZeroU32) -> Self {
        self.breaker.settings.min_principals = principals.get() as usize;
        self
    }

    /// Sets the share of failed calls that opens a circuit. The default is 50 %.
    #[must_use]
    pub fn failure_rate(mut self, rate: Percent) -> Self {
        self.breaker.settings.circuit.failure_rate = rate;
        self
    }

    /// Sets the share of calls slower than `slower_than`, failed or not, that opens a circuit. By
    /// default the duration of calls does not matter.
    #[must_use]
    pub fn slow_call_rate(mut self, slower_than: Duration, rate: Percent) -> Self {
        self.breaker.settings.circuit.slow_calls = Some((slower_than, rate));
        self
    }

    /// Sets the time for which a circuit stays open. The default is 30 s.
    #[must_use]
    pub fn open_for(mut self, time: Duration) -> Self {
        self.breaker.settings.circuit.open_for = time;
        self
    }

    /// Sets the number of probes that a half-open circuit lets through at the same time. The default
    /// is 1. With [`CircuitBreakerLayer::min_principals`] above 1, it holds for each of so many
    /// principals.
    #[must_use]
    pub fn probes(mut self, probes: NonZeroU32) -> Self {
        self.breaker.settings.circuit.probes = probes;
        self
    }

    /// Sets the time after which a probe without an answer makes room for another. The default is
    /// 60 s.
    #[must_use]
    pub fn probe_lease(mut self, time: Duration) -> Self {
        self.breaker.settings.circuit.probe_lease = time;
        self
    }

    /// Sets the most tools with a circuit of their own. The default is 512. All others share one.
    ///
    /// # Errors
    /// If `circuits` is zero.
    pub fn max_circuits(mut self, circuits: usize) -> Result<Self, ConfigError> {
        if circuits == 0 {
            return Err(ConfigError::new("max_circuits must be at least 1"));
        }
        self.breaker.settings.max_circuits = circuits;
        Ok(self)
    }

    /// Refuses `tools/call` with a result that has `isError: true` instead of a protocol error, so
    /// that a model reads the message.
    #[must_use]
    pub fn as_tool_error(mut self) -> Self {
        let refusal = self.breaker.settings.refusal;
        self.breaker.settings.refusal = refusal.as_tool_error();
        self
    }

    /// Sets the classifier of outcomes. The default is [`ByCode`].
    #[must_use]
    pub fn classify(mut self, classify: impl Classify + Send + Sync + 'static) -> Self {
        self.breaker.classify = Arc::new(classify);
        self
    }

    /// Sets the [`Fallback`](crate::Fallback): the answer while a circuit is open.
    #[must_use]
    pub fn fallback<F2>(self, fallback: F2) -> CircuitBreakerLayer<F2> {
        let Breaker {
            settings,
            state,
            classify,
            ..
        } = self.breaker;
        CircuitBreakerLayer {
            breaker: Breaker {
                settings,
                state,
                classify,
                fallback,
            },
        }
    }

    /// Reads the time from `clock`. The default is the operating system's monotonic clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.breaker.settings.clock = clock;
        self
    }

    /// A handle to the circuits of this layer.
    #[must_use]
    pub fn handle(&self) -> CircuitBreakerHandle {
        CircuitBreakerHandle {
            settings: self.breaker.settings.clone(),
            state: Arc::clone(&self.breaker.state),
        }
    }
}

impl<S, F: Clone> Layer<S> for CircuitBreakerLayer<F> {
    type Service = CircuitBreaker<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        CircuitBreaker::with_state(inner, Arc::new(self.breaker.clone()))
    }
}

impl<S, F: Clone> CircuitBreaker<S, F> {
    /// Wraps `inner` as `layer` does.
    pub fn new(inner: S, layer: &CircuitBreakerLayer<F>) -> Self {
        layer.layer(inner)
    }
}

impl<F> fmt::Debug for CircuitBreakerLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerLayer")
            .field("settings", &self.breaker.settings)
            .finish_non_exhaustive()
    }
}
