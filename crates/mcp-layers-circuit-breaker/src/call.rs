//! A call that a circuit let through, until its outcome is recorded.

use std::{sync::Arc, time::Instant};

use mcp_layers_core::{Class, End, Event, Lesson, McpResponse, Method, Observer};

use crate::{
    shared_circuit::{Changed, Pass, SharedCircuit},
    state::Breaker,
    window::Sample,
};

/// Records the outcome of a call. A dropped call frees its probe.
pub(crate) struct Call<F> {
    pub(crate) breaker: Arc<Breaker<F>>,
    pub(crate) circuit: Arc<SharedCircuit>,
    pub(crate) pass: Pass,
    pub(crate) method: Method<'static>,
    /// True for the first attempt of the call.
    pub(crate) is_first: bool,
    /// The change that letting this call through made.
    pub(crate) changed: Option<Changed>,
    pub(crate) started: Option<Instant>,
    pub(crate) lesson: Lesson,
}

impl<F> Call<F> {
    fn record(&self, failed: bool) -> Option<Changed> {
        // A call counts once: later attempts of a retry layer count only as probes.
        if !self.is_first && !self.pass.is_probe() {
            return None;
        }
        let breaker = &self.breaker;
        let now = breaker.settings.clock.now();
        let slow = match (self.started, breaker.settings.circuit.slow_calls) {
            (Some(started), Some((limit, _))) => now.saturating_duration_since(started) > limit,
            _ => false,
        };
        let sample = Sample { failed, slow };
        let min_callers = breaker
            .state
            .min_callers(self.pass.caller, &breaker.settings);
        let changed = self.circuit.record(self.pass, min_callers, sample, now);
        if let Some(changed) = changed {
            breaker.state.changed(&self.circuit.label, changed);
        }
        changed
    }
}

impl<F, R: McpResponse> Observer<R> for Call<F> {
    fn on_end(&mut self, end: End<'_, R>) {
        let classify = &self.breaker.classify;
        let class = match &end {
            End::Answered(response) => {
                self.lesson.learn(&**response);
                classify.classify(self.method, &response.outcome())
            }
            End::Failed => classify.classify_failure(self.method),
            // The answer of a layer that catches the panic would be a failure.
            End::Panicked => Class::Failure,
            _ => Class::Neutral,
        };
        let changed = match class {
            Class::Success => self.record(false),
            Class::Failure => self.record(true),
            _ => {
                self.circuit.release(self.pass);
                None
            }
        };
        if let End::Answered(response) = end {
            for changed in [self.changed, changed].into_iter().flatten() {
                response.trail_mut().push(Event::CircuitChanged {
                    circuit: self.circuit.label.clone(),
                    state: changed.to,
                });
            }
        }
    }
}

/// Observes a call, or nothing: some requests have no circuit.
pub(crate) struct Watch<F>(pub(crate) Option<Call<F>>);

impl<F, R: McpResponse> Observer<R> for Watch<F> {
    fn on_end(&mut self, end: End<'_, R>) {
        if let Some(call) = &mut self.0 {
            call.on_end(end);
        }
    }
}
