//! Single-flight: one request at a time runs for a key, and the others wait for its result.
//!
//! The first request becomes the leader and holds the only permit of a semaphore. When it publishes
//! its result, the semaphore is closed, which wakes every waiter. When it is dropped, the permit
//! goes to the waiter that has waited longest, which becomes the leader.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes of a cache key and a generation: requests with equal ones may share a result.
pub(crate) type FlightKey = (Arc<[u8]>, u64);

type Running<T> = Mutex<HashMap<FlightKey, Weak<Flight<T>>>>;

/// The requests that are running now, by key. `T` is the result that waiters get.
pub(crate) struct SingleFlight<T> {
    running: Arc<Running<T>>,
}

struct Flight<T> {
    key: FlightKey,
    running: Arc<Running<T>>,
    leader: Arc<Semaphore>,
    published: OnceLock<Option<T>>,
}

/// The role of a request.
pub(crate) enum Joined<T> {
    Leader(Leader<T>),
    Waiter(Waiter<T>),
}

/// The end of a wait.
pub(crate) enum Waited<T> {
    /// The leader published this.
    Published(T),
    /// The leader has no result that can be shared.
    Nothing,
    /// The leader was dropped, and this request takes over.
    Leader(Leader<T>),
}

impl<T> SingleFlight<T> {
    pub(crate) fn new() -> Self {
        Self {
            running: Arc::default(),
        }
    }

    /// Waits for the request that runs for this key, or becomes the leader if no request runs.
    pub(crate) fn join(&self, key: &FlightKey) -> Joined<T>
    where
        T: Send + Sync + 'static,
    {
        let mut running = lock(&self.running);
        let known = running.get(key).and_then(Weak::upgrade);
        let flight = match &known {
            Some(flight) if !flight.leader.is_closed() => Arc::clone(flight),
            _ => {
                let flight = Arc::new(Flight {
                    key: key.clone(),
                    running: Arc::clone(&self.running),
                    leader: Arc::new(Semaphore::new(1)),
                    published: OnceLock::new(),
                });
                running.insert(key.clone(), Arc::downgrade(&flight));
                flight
            }
        };
        // Before a flight is dropped, which takes the lock.
        drop(running);
        match Arc::clone(&flight.leader).try_acquire_owned() {
            Ok(permit) => Joined::Leader(Leader { flight, permit }),
            Err(_) => Joined::Waiter(Waiter { flight }),
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        lock(&self.running).len()
    }
}

fn lock<T>(running: &Running<T>) -> MutexGuard<'_, HashMap<FlightKey, Weak<Flight<T>>>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Flight<T> {
    /// Removes the flight, so that the next request begins another one.
    fn remove(&self) {
        let mut running = lock(&self.running);
        let known = running.get(&self.key);
        if known.is_some_and(|known| std::ptr::eq(known.as_ptr(), self)) {
            running.remove(&self.key);
        }
    }
}

impl<T> Drop for Flight<T> {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The request that runs. Dropped before it has published, it leaves the lead to a waiter.
pub(crate) struct Leader<T> {
    flight: Arc<Flight<T>>,
    permit: OwnedSemaphorePermit,
}

impl<T> Leader<T> {
    /// Ends the flight: every waiter gets the result, or learns that no result can be shared.
    pub(crate) fn publish(self, result: Option<T>) {
        let Self { flight, permit } = self;
        // Only the leader publishes, and only once.
        let _ = flight.published.set(result);
        flight.leader.close();
        flight.remove();
        drop(permit);
    }
}

/// A request that waits for the leader.
pub(crate) struct Waiter<T> {
    flight: Arc<Flight<T>>,
}

impl<T> Waiter<T> {
    pub(crate) async fn wait(&self) -> Waited<T>
    where
        T: Clone,
    {
        match Arc::clone(&self.flight.leader).acquire_owned().await {
            Ok(permit) => Waited::Leader(Leader {
                flight: Arc::clone(&self.flight),
                permit,
            }),
            Err(_) => match self.flight.published.get().cloned().flatten() {
                Some(result) => Waited::Published(result),
                None => Waited::Nothing,
            },
        }
    }

    /// Ends a wait that has lasted too long; later requests do not wait for this leader.
    pub(crate) fn give_up(&self) {
        self.flight.remove();
    }
}

#[cfg(test)]
#[path = "../tests/unit/single_flight.rs"]
mod tests;
