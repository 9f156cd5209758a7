//! The handle, for the code that shuts a server down.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::time::timeout;

use crate::state::State;

/// The time that requests have to end after they were cut, before a drain gives them up.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// A handle that drains a server and reports its readiness. Clones share the layer's state.
#[derive(Debug, Clone)]
pub struct DrainHandle(pub(crate) Arc<State>);

/// The result of a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Long-lived requests that were ended: subscriptions, and waits for the result of a task.
    pub ended: usize,
    /// Requests that were dropped at the limit and answered with 503.
    pub cut: usize,
    /// Requests that could not be dropped, because their handler blocks its thread.
    pub left: usize,
}

/// Counters and gauges of a [`DrainLayer`](crate::DrainLayer).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainStats {
    /// Requests in flight, long-lived ones included.
    pub in_flight: usize,
    /// Requests refused because the server was draining.
    pub refused: u64,
}

impl DrainHandle {
    /// Returns true while the server takes new requests: neither draining, nor declared unready. For
    /// a readiness probe.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.is_ready()
    }

    /// Declares the server unready, or ready again, without refusing anything: a load balancer stops
    /// sending requests while those that still come are served. Has no effect during a drain.
    pub fn set_ready(&self, ready: bool) {
        self.0.ready.store(ready, Relaxed);
    }

    /// Refuses new requests from now on, ends long-lived ones, and waits until those in flight are
    /// answered, at most for `limit`. What is left then is dropped and answered with 503.
    ///
    /// The drain begins when the future is polled first, and goes on when it is dropped; the limit
    /// then no longer holds. Must be called in a tokio runtime with time enabled.
    pub async fn drain(&self, limit: Duration) -> Drained {
        let state = &*self.0;
        state.draining.cancel();
        state.in_flight.close();
        if timeout(limit, state.in_flight.wait()).await.is_err() {
            state.cut.cancel();
            // Each of them is woken, and answers or is dropped.
            _ = timeout(LAST_WAIT, state.in_flight.wait()).await;
        }
        Drained {
            ended: state.ended.load(Relaxed),
            cut: state.cut_requests.load(Relaxed),
            left: state.in_flight.len(),
        }
    }

    /// Counters and gauges of the layer.
    #[must_use]
    pub fn stats(&self) -> DrainStats {
        DrainStats {
            in_flight: self.0.in_flight.len(),
            refused: self.0.refused.load(Relaxed),
        }
    }
}
