//! The future, and the call that it stands for.

use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
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
    pub(crate) fn watched(future: I, call: Call<K, F, C>) -> Self {
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
        if let Some(call) = this.call {
            call.stage = Stage::Inside;
        }
        // The answer is looked at where it is, and moved once, however large it is.
        let mut poll = this.future.poll(cx);
        if let Some(call) = this.call {
            match &mut poll {
                Poll::Ready(output) => call.end(output),
                Poll::Pending => call.stage = Stage::Outside,
            }
        }
        poll
    }
}

/// A call that a circuit let through. Dropped, it frees its lease.
// The bounds stand here because `Drop` needs them.
pub(crate) struct Call<K: Classify, F, C: Clock> {
    breaker: Arc<Breaker<K, F, C>>,
    place: Place,
    ticket: Ticket,
    method: &'static Method<'static>,
    stage: Stage,
    /// A tool that has no circuit of its own as long as nothing shows that it exists.
    unproven: Option<Box<str>>,
    /// What letting this call through changed.
    changed: Option<State>,
    started: Option<Instant>,
}

impl<K, F, C: Clock> Breaker<K, F, C> {
    /// Says how a call ended.
    #[inline]
    fn sample(
        &self,
        entry: &Entry,
        ticket: Ticket,
        started: Option<Instant>,
        failed: bool,
    ) -> Option<State> {
        let clock = &self.clock;
        let slow = match (started, self.settings.slow_calls) {
            (Some(started), Some((limit, _))) => {
                clock.now().saturating_duration_since(started) > limit
            }
            _ => false,
        };
        let sample = Sample { failed, slow };
        entry.shared.record(ticket, sample, || clock.now())
    }
}

/// A call while the inner service makes its future. Dropped, it has panicked.
pub(crate) struct Starting<'a, K, F, C: Clock> {
    breaker: &'a Arc<Breaker<K, F, C>>,
    entry: &'a Entry,
    ticket: Ticket,
    method: &'static Method<'static>,
    started: Option<Instant>,
}

impl<'a, K: Classify, F, C: Clock> Starting<'a, K, F, C> {
    #[inline]
    pub(crate) fn new(
        breaker: &'a Arc<Breaker<K, F, C>>,
        entry: &'a Entry,
        ticket: Ticket,
        method: Method<'_>,
    ) -> Self {
        let timed = breaker.settings.slow_calls.is_some();
        Self {
            breaker,
            entry,
            ticket,
            method: known(method),
            started: timed.then(|| breaker.clock.now()),
        }
    }

    /// The future is there. The call is made only now: it is larger, and is moved less.
    #[inline]
    pub(crate) fn begun(
        self,
        place: Place,
        unproven: Option<Box<str>>,
        changed: Option<State>,
    ) -> Call<K, F, C> {
        let call = Call {
            breaker: Arc::clone(self.breaker),
            place,
            ticket: self.ticket,
            method: self.method,
            stage: Stage::Outside,
            unproven,
            changed,
            started: self.started,
        };
        mem::forget(self);
        call
    }
}

impl<K, F, C: Clock> Drop for Starting<'_, K, F, C> {
    #[cold]
    fn drop(&mut self) {
        let (ticket, started) = (self.ticket, self.started);
        self.breaker.sample(self.entry, ticket, started, true);
    }
}

/// Where a call is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Outside,
    /// The inner service is at work. Dropped meanwhile, it has panicked.
    Inside,
    /// The circuit knows how it ended.
    Done,
}

impl<K: Classify, F, C: Clock> Call<K, F, C> {
    #[inline]
    fn end<R: McpResponse, E>(&mut self, output: &mut Result<R, E>) {
        self.stage = Stage::Done;
        let class = match output {
            Ok(response) => {
                let outcome = response.outcome();
                let class = self.breaker.classify.classify(*self.method, &outcome);
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
            self.tell(response, changed);
        }
    }

    #[cold]
    fn tell<R: McpResponse>(&self, response: &mut R, changed: Option<State>) {
        for state in [self.changed, changed].into_iter().flatten() {
            response.trail_mut().push(Event::CircuitChanged {
                circuit: self.entry().label.clone(),
                state,
            });
        }
    }

    #[inline]
    fn sample(&self, failed: bool) -> Option<State> {
        let breaker = &self.breaker;
        breaker.sample(self.entry(), self.ticket, self.started, failed)
    }

    /// The tool answered: it exists. A probe of the shared circuit stays one.
    #[cold]
    fn move_to_own_circuit(&mut self) {
        if self.ticket.is_probe() {
            return;
        }
        let Some(tool) = self.unproven.take() else {
            return;
        };
        self.place = self.breaker.registry.find_or_make(Name::Tool(&tool));
        if self.place != Place::OTHER {
            // The call counts for the circuit as it is now.
            self.ticket.epoch = self.entry().shared.with(|circuit| circuit.fast().0);
        }
    }

    #[inline]
    fn entry(&self) -> &Entry {
        self.breaker.registry.entry(self.place)
    }
}

/// The same method, which lasts.
#[inline]
fn known(method: Method<'_>) -> &'static Method<'static> {
    let position = method.position();
    let known = position.and_then(|position| Method::KNOWN.get(position));
    known.unwrap_or(&Method::CallTool)
}

/// Whether an outcome shows that the tool exists: a result, or an error of its own.
fn proves(outcome: &Outcome<'_>, class: Class) -> bool {
    outcome.code().is_none() || class == Class::Failure
}

impl<K: Classify, F, C: Clock> Drop for Call<K, F, C> {
    #[inline]
    fn drop(&mut self) {
        match self.stage {
            Stage::Outside => self.entry().shared.release(self.ticket),
            // It panicked: what a layer that catches panics would answer is a failure.
            Stage::Inside => drop(self.sample(true)),
            Stage::Done => {}
        }
    }
}

impl<I, K: Classify, F, C: Clock> fmt::Debug for ResponseFuture<I, K, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
