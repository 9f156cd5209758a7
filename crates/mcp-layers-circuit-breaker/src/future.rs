//! The future, and the call that it stands for.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use mcp_layers_core::{Class, Classify, Clock, Event, McpResponse, Method, Outcome};
use pin_project_lite::pin_project;

use crate::{
    Sample, State, Ticket,
    key::Name,
    layer::Breaker,
    registry::{Entry, Place},
};

pin_project! {
    /// The future of [`CircuitBreaker`](crate::CircuitBreaker). Dropped before it is done, it frees
    /// what it held and tells the circuit nothing.
    pub struct ResponseFuture<I, K, F, C>
    where
        K: Classify,
        C: Clock,
    {
        #[pin]
        future: I,
        call: Option<Call<K, F, C>>,
    }
}

impl<I, K: Classify, F, C: Clock> ResponseFuture<I, K, F, C> {
    pub(crate) fn unwatched(future: I) -> Self {
        Self { future, call: None }
    }

    #[inline]
    pub(crate) fn watched(future: I, mut call: Call<K, F, C>) -> Self {
        call.inside = false;
        Self {
            future,
            call: Some(call),
        }
    }
}

impl<I, K, F, C, R, E> Future for ResponseFuture<I, K, F, C>
where
    I: Future<Output = Result<R, E>>,
    K: Classify,
    C: Clock,
    R: McpResponse,
{
    type Output = Result<R, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(call) = this.call else {
            return this.future.poll(cx);
        };
        call.inside = true;
        let poll = this.future.poll(cx);
        call.inside = false;
        let mut output = ready!(poll);
        call.end(&mut output);
        Poll::Ready(output)
    }
}

/// A call that a circuit let through. Dropped, it frees its lease.
// The bounds stand here because `Drop` needs them.
pub(crate) struct Call<K: Classify, F, C: Clock> {
    breaker: Arc<Breaker<K, F, C>>,
    place: Place,
    ticket: Ticket,
    method: Method<'static>,
    /// A tool that has no circuit of its own as long as nothing shows that it exists.
    unproven: Option<Box<str>>,
    /// What letting this call through changed.
    changed: Option<State>,
    started: Option<Instant>,
    /// Whether the inner service is at work. Dropped meanwhile, it has panicked.
    inside: bool,
    done: bool,
}

impl<K: Classify, F, C: Clock> Call<K, F, C> {
    #[inline]
    pub(crate) fn new(
        breaker: Arc<Breaker<K, F, C>>,
        place: Place,
        ticket: Ticket,
        method: Method<'static>,
    ) -> Self {
        let timed = breaker.settings.slow_calls.is_some();
        let started = timed.then(|| breaker.clock.now());
        Self {
            breaker,
            place,
            ticket,
            method,
            unproven: None,
            changed: None,
            started,
            inside: true,
            done: false,
        }
    }

    #[inline]
    pub(crate) fn with(mut self, unproven: Option<Box<str>>, changed: Option<State>) -> Self {
        self.unproven = unproven;
        self.changed = changed;
        self
    }

    #[inline]
    fn end<R: McpResponse, E>(&mut self, output: &mut Result<R, E>) {
        self.done = true;
        let class = match output {
            Ok(response) => {
                let outcome = response.outcome();
                let class = self.breaker.classify.classify(self.method, &outcome);
                if self.unproven.is_some() && proves(&outcome, class) {
                    self.move_to_own_circuit();
                }
                class
            }
            Err(_) => Class::Failure,
        };
        let changed = match class {
            Class::Success => self.sample(false),
            Class::Failure => self.sample(true),
            _ => {
                self.entry().shared.release(self.ticket);
                None
            }
        };
        if (self.changed.is_some() || changed.is_some())
            && let Ok(response) = output
        {
            for state in [self.changed, changed].into_iter().flatten() {
                response.trail_mut().push(Event::CircuitChanged {
                    circuit: self.entry().label.clone(),
                    state: state.as_str(),
                });
            }
        }
    }

    #[inline]
    fn sample(&self, failed: bool) -> Option<State> {
        let clock = &self.breaker.clock;
        let slow = match (self.breaker.settings.slow_calls, self.started) {
            (Some((limit, _)), Some(started)) => {
                clock.now().saturating_duration_since(started) > limit
            }
            _ => false,
        };
        let sample = Sample { failed, slow };
        let shared = &self.entry().shared;
        shared.record(self.ticket, sample, || clock.now())
    }

    /// The tool answered: it exists. A probe of the shared circuit stays one.
    fn move_to_own_circuit(&mut self) {
        if self.ticket.is_probe() {
            return;
        }
        let Some(tool) = self.unproven.take() else {
            return;
        };
        self.place = self.breaker.registry.find_or_make(Name::Tool(&tool));
        if self.place != Place::Other {
            // The call counts for the circuit as it is now.
            self.ticket.epoch = self.entry().shared.with(|circuit| circuit.fast().0);
        }
    }

    #[inline]
    fn entry(&self) -> &Entry {
        self.breaker.registry.entry(self.place)
    }
}

/// Whether an outcome shows that the tool exists: a result, or an error of its own.
fn proves(outcome: &Outcome<'_>, class: Class) -> bool {
    outcome.code().is_none() || class == Class::Failure
}

impl<K: Classify, F, C: Clock> Drop for Call<K, F, C> {
    #[inline]
    fn drop(&mut self) {
        if self.done {
            return;
        }
        if self.inside {
            // It panicked: what a layer that catches panics would answer is a failure.
            let _ = self.sample(true);
        } else {
            self.entry().shared.release(self.ticket);
        }
    }
}

impl<I, K: Classify, F, C: Clock> fmt::Debug for ResponseFuture<I, K, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
