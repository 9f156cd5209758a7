//! One verification at a time for each credential.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::OnceCell;

use super::{Credential, Presented, Refusal, Verified};

/// The identity of a credential: its digest, and the header that it came in. The header matters
/// because a verifier may accept a text as one kind of credential and refuse it as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    presented: Presented,
    digest: [u8; 32],
    /// The generation of the verifier that is asked.
    generation: u64,
}

impl Key {
    pub(super) fn new(credential: &Credential, generation: u64) -> Self {
        Self {
            presented: credential.presented(),
            digest: credential.digest(),
            generation,
        }
    }
}

type Outcome = Result<Verified, Refusal>;

/// The verifications that are running. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct SingleFlight {
    running: Arc<Mutex<Running>>,
}

type Running = HashMap<Key, Arc<OnceCell<Outcome>>>;

impl SingleFlight {
    /// Runs the verification, or waits for the one that is running for this key. When the caller
    /// that runs it goes away, a waiting one takes over.
    pub(super) async fn run(&self, key: Key, verify: impl Future<Output = Outcome>) -> Outcome {
        let cell = Arc::clone(self.lock().entry(key).or_default());
        let seat = Seat {
            flights: self,
            key,
            cell,
        };
        seat.cell.get_or_init(|| verify).await.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The share of one caller in a verification. The first that leaves with an outcome removes the
/// entry, and so does the last that leaves without one.
struct Seat<'a> {
    flights: &'a SingleFlight,
    key: Key,
    cell: Arc<OnceCell<Outcome>>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut running = self.flights.lock();
        let is_ours = |cell: &Arc<_>| Arc::ptr_eq(cell, &self.cell);
        if running.get(&self.key).is_some_and(is_ours) {
            // The map and this seat hold one each.
            let is_last = Arc::strong_count(&self.cell) == 2;
            if is_last || self.cell.initialized() {
                running.remove(&self.key);
            }
        }
    }
}
