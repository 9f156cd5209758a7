//! A service that checks the use of its readiness.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use tower_layer::Layer;
use tower_service::Service;

use crate::{Gate, MockError, mock::lock};

/// Wraps a service in a [`ReadinessProbe`]. All probes of one layer report to the same [`Readiness`].
#[derive(Debug)]
pub struct ReadinessProbeLayer<E = MockError> {
    readiness: Readiness<E>,
}

impl<E> ReadinessProbeLayer<E> {
    /// Creates the layer, and the handle that its probes report to.
    #[must_use]
    pub fn new() -> (Self, Readiness<E>) {
        let readiness = Readiness::new();
        let layer = Self {
            readiness: readiness.clone(),
        };
        (layer, readiness)
    }
}

impl<E> Clone for ReadinessProbeLayer<E> {
    fn clone(&self) -> Self {
        Self {
            readiness: self.readiness.clone(),
        }
    }
}

impl<S, E> Layer<S> for ReadinessProbeLayer<E> {
    type Service = ReadinessProbe<S, E>;

    fn layer(&self, inner: S) -> Self::Service {
        ReadinessProbe {
            inner,
            reserved: Reserved::Never,
            readiness: self.readiness.clone(),
        }
    }
}

/// A service that panics when it is called before it was made ready.
///
/// Like a service with a permit, each instance reserves in `poll_ready`, keeps the reservation until
/// `call`, and gives it back on drop; a clone has none. `E` is the error of the inner service, so that
/// `poll_ready` can be made to fail.
///
/// ```should_panic
/// use mcp_layers_test::{MockService, ReadinessProbe, requests};
/// use tower_service::Service;
///
/// let (mut probe, _) = ReadinessProbe::new(MockService::new());
/// let _ = probe.call(requests::list_tools(1)); // `poll_ready` was not called
/// ```
pub struct ReadinessProbe<S, E = MockError> {
    inner: S,
    reserved: Reserved,
    readiness: Readiness<E>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Reserved {
    Never,
    Yes,
    Used,
}

impl<S, E> ReadinessProbe<S, E> {
    /// Creates a probe around `inner`, and the handle that it reports to.
    #[must_use]
    pub fn new(inner: S) -> (Self, Readiness<E>) {
        let (layer, readiness) = ReadinessProbeLayer::new();
        (layer.layer(inner), readiness)
    }
}

impl<S: Clone, E> Clone for ReadinessProbe<S, E> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            reserved: Reserved::Never,
            readiness: self.readiness.clone(),
        }
    }
}

impl<S, E, Req> Service<Req> for ReadinessProbe<S, E>
where
    S: Service<Req, Error = E>,
{
    type Response = S::Response;
    type Error = E;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        if let Some(error) = lock(&self.readiness.shared.failures).pop_front() {
            return Poll::Ready(Err(error));
        }
        if self.reserved != Reserved::Yes {
            ready!(self.readiness.shared.gate.poll_passed(cx));
            ready!(self.inner.poll_ready(cx))?;
            self.reserved = Reserved::Yes;
            self.readiness
                .shared
                .reserved
                .fetch_add(1, Ordering::AcqRel);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> S::Future {
        let misuse = match self.reserved {
            Reserved::Yes => None,
            Reserved::Never => Some("`call` on an instance whose `poll_ready` never said ready"),
            Reserved::Used => Some("a second `call` without `poll_ready` in between"),
        };
        if let Some(misuse) = misuse {
            let misuse =
                format!("{misuse}; call the instance that was made ready, not a clone of it");
            lock(&self.readiness.shared.misuses).push(misuse.clone());
            panic!("readiness probe: {misuse}");
        }
        self.reserved = Reserved::Used;
        self.readiness.shared.used.fetch_add(1, Ordering::AcqRel);
        self.inner.call(request)
    }
}

impl<S, E> Drop for ReadinessProbe<S, E> {
    fn drop(&mut self) {
        if self.reserved == Reserved::Yes {
            self.readiness
                .shared
                .returned
                .fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// The handle that [`ReadinessProbe`]s report to, and that controls them. Clones share it.
pub struct Readiness<E = MockError> {
    shared: Arc<Shared<E>>,
}

struct Shared<E> {
    gate: Gate,
    failures: Mutex<VecDeque<E>>,
    misuses: Mutex<Vec<String>>,
    reserved: AtomicUsize,
    used: AtomicUsize,
    returned: AtomicUsize,
}

impl<E> Readiness<E> {
    fn new() -> Self {
        let shared = Shared {
            gate: Gate::opened(),
            failures: Mutex::default(),
            misuses: Mutex::default(),
            reserved: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
            returned: AtomicUsize::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Keeps every instance from becoming ready, until [`Readiness::release`].
    pub fn hold(&self) {
        self.shared.gate.close();
    }

    /// Lets instances become ready again, and wakes the waiting tasks.
    pub fn release(&self) {
        self.shared.gate.open();
    }

    /// Makes the next `poll_ready` of some instance fail.
    pub fn fail_next(&self, error: E) {
        lock(&self.shared.failures).push_back(error);
    }

    /// The number of times that an instance became ready.
    #[must_use]
    pub fn reserved(&self) -> usize {
        self.shared.reserved.load(Ordering::Acquire)
    }

    /// The number of calls of ready instances.
    #[must_use]
    pub fn used(&self) -> usize {
        self.shared.used.load(Ordering::Acquire)
    }

    /// The number of ready instances that were dropped without a call.
    #[must_use]
    pub fn returned(&self) -> usize {
        self.shared.returned.load(Ordering::Acquire)
    }

    /// The number of instances that are ready and were neither called nor dropped.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.reserved()
            .saturating_sub(self.used())
            .saturating_sub(self.returned())
    }

    /// The misuses so far, as text. A layer may catch the panic that reports them.
    #[must_use]
    pub fn misuses(&self) -> Vec<String> {
        lock(&self.shared.misuses).clone()
    }
}

impl<E> Clone for Readiness<E> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<E> fmt::Debug for Readiness<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness")
            .field("reserved", &self.reserved())
            .field("used", &self.used())
            .field("returned", &self.returned())
            .field("misuses", &self.misuses())
            .finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, E> fmt::Debug for ReadinessProbe<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadinessProbe")
            .field("inner", &self.inner)
            .field("reserved", &self.reserved)
            .finish_non_exhaustive()
    }
}
