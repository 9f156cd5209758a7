//! A circuit that many calls share. While it is closed and all is well, no call takes its lock.

use std::time::Instant;

use crate::{
    circuit::{Admission, Circuit, State, Ticket},
    sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError},
    window::Sample,
};

/// Calls pass without asking.
const PASSES: u64 = 1;
/// Good calls change nothing.
const QUIET: u64 = 2;
const FLAGS: u32 = 2;

/// A circuit behind a lock, and one word that says what holds without it.
///
/// The word has the circuit's epoch and two flags. It is written under the lock, and a call that
/// reads it acts as if it had held the lock at that moment.
#[derive(Debug)]
pub(crate) struct Shared {
    word: AtomicU64,
    circuit: Mutex<Circuit>,
}

impl Shared {
    pub(crate) fn new(circuit: Circuit) -> Self {
        Self {
            word: AtomicU64::new(word(&circuit)),
            circuit: Mutex::new(circuit),
        }
    }

    /// Asks for a call; also the state if this changed it.
    #[inline]
    pub(crate) fn admit(&self, now: impl FnOnce() -> Instant) -> (Admission, Option<State>) {
        let word = self.word.load(Ordering::Acquire);
        if word & PASSES != 0 {
            let ticket = Ticket {
                epoch: word >> FLAGS,
                probe: None,
            };
            return (Admission::Pass(ticket), None);
        }
        self.ask(now)
    }

    #[cold]
    fn ask(&self, now: impl FnOnce() -> Instant) -> (Admission, Option<State>) {
        self.with(|circuit| {
            let before = circuit.state();
            let admission = circuit.admit(now());
            let after = circuit.state();
            (admission, (before != after).then_some(after))
        })
    }

    /// Says how a call ended.
    #[inline]
    pub(crate) fn record(
        &self,
        ticket: Ticket,
        sample: Sample,
        now: impl FnOnce() -> Instant,
    ) -> Option<State> {
        if !sample.failed && !sample.slow && ticket.probe.is_none() {
            let word = self.word.load(Ordering::Acquire);
            if word & QUIET != 0 || word >> FLAGS != ticket.epoch {
                return None;
            }
        }
        self.tell(ticket, sample, now)
    }

    // Not cold: in a window of time, every call comes this way.
    #[inline(never)]
    fn tell(&self, ticket: Ticket, sample: Sample, now: impl FnOnce() -> Instant) -> Option<State> {
        self.with(|circuit| circuit.record(ticket, sample, now()))
    }

    /// Says that a call ended in a way that tells nothing.
    pub(crate) fn release(&self, ticket: Ticket) {
        // Only a probe holds something.
        if ticket.probe.is_some() {
            self.with(|circuit| circuit.release(ticket));
        }
    }

    /// Looks at the circuit, or changes it.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Circuit) -> T) -> T {
        let mut circuit = self.lock();
        let found = look(&mut circuit);
        self.word.store(word(&circuit), Ordering::Release);
        found
    }

    // A panic in a caller's clock is the only one there can be, and it leaves a whole circuit.
    fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn word(circuit: &Circuit) -> u64 {
    let (epoch, passes, quiet) = circuit.fast();
    let passes = if passes { PASSES } else { 0 };
    let quiet = if quiet { QUIET } else { 0 };
    (epoch << FLAGS) | passes | quiet
}
