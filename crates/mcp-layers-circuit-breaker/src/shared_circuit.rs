//! The circuit of one tool or method, with the circuits of single callers that are not closed.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use mcp_layers_core::trail::CircuitState;

use crate::{
    circuit::{Admission, Change, Circuit, Mode, Ticket},
    settings::Settings,
    window::{Caller, Sample},
};

/// The most callers for which one circuit is not closed. Callers beyond are not cut off.
const MAX_CALLERS: usize = 1_024;

/// A circuit that many requests share, behind a lock.
#[derive(Debug)]
pub(crate) struct SharedCircuit {
    pub(crate) label: Cow<'static, str>,
    settings: Settings,
    circuits: Mutex<Circuits>,
}

#[derive(Debug)]
struct Circuits {
    everybody: Circuit,
    /// Circuits that opened for one caller alone. One that closes is removed.
    callers: HashMap<Caller, Circuit>,
}

/// A call that was let through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass {
    pub(crate) caller: Caller,
    everybody: Ticket,
    own: Option<Ticket>,
}

impl Pass {
    pub(crate) fn is_probe(&self) -> bool {
        self.everybody.is_probe() || self.own.is_some()
    }
}

/// A change of state, for everybody or for one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) to: CircuitState,
    pub(crate) for_one: bool,
}

impl SharedCircuit {
    pub(crate) fn new(label: Cow<'static, str>, settings: Settings) -> Self {
        let circuits = Circuits {
            everybody: Circuit::new(settings),
            callers: HashMap::new(),
        };
        Self {
            label,
            settings,
            circuits: Mutex::new(circuits),
        }
    }

    /// Lets a call through, or refuses it for some time. Also returns the change that this made.
    pub(crate) fn admit(
        &self,
        caller: Caller,
        min_callers: usize,
        now: Instant,
    ) -> (Result<Pass, Duration>, Option<Changed>) {
        let mut circuits = self.lock();
        let Circuits { everybody, callers } = &mut *circuits;
        let own = match callers.get_mut(&caller) {
            Some(own) if everybody.mode() == Mode::Automatic => match own.admit(now) {
                Admission::Pass(ticket) => Some(ticket),
                Admission::Refuse { retry_after } => return (Err(retry_after), None),
            },
            _ => None,
        };
        let before = everybody.state();
        let admission = everybody.admit_by(caller, min_callers, now);
        let to = everybody.state();
        let changed = (to != before).then_some(Changed { to, for_one: false });
        match admission {
            Admission::Pass(everybody) => {
                let pass = Pass {
                    caller,
                    everybody,
                    own,
                };
                (Ok(pass), changed)
            }
            Admission::Refuse { retry_after } => {
                if let (Some(own), Some(ticket)) = (callers.get_mut(&caller), own) {
                    own.release(ticket);
                }
                (Err(retry_after), changed)
            }
        }
    }

    /// Records the outcome of a call. Returns the change that it made.
    pub(crate) fn record(
        &self,
        pass: Pass,
        min_callers: usize,
        sample: Sample,
        now: Instant,
    ) -> Option<Changed> {
        let mut circuits = self.lock();
        let Circuits { everybody, callers } = &mut *circuits;
        let mut own_change = None;
        if let (Some(own), Some(ticket)) = (callers.get_mut(&pass.caller), pass.own) {
            own_change = own.record(ticket, sample, now);
            if own_change == Some(CircuitState::Closed) {
                callers.remove(&pass.caller);
            }
        }
        let change = everybody.record_by(pass.caller, min_callers, pass.everybody, sample, now);
        if change == Change::OneCaller && !callers.contains_key(&pass.caller) {
            if callers.len() >= MAX_CALLERS {
                callers.retain(|_, own| own.retry_after(now) > Some(Duration::ZERO));
            }
            if callers.len() < MAX_CALLERS {
                callers.insert(pass.caller, Circuit::opened(self.settings, now));
                own_change = Some(CircuitState::Open);
            }
        }
        match change {
            Change::To(to) => Some(Changed { to, for_one: false }),
            Change::None | Change::OneCaller => own_change.map(|to| Changed { to, for_one: true }),
        }
    }

    /// Records that the outcome of a call says nothing about the service.
    pub(crate) fn release(&self, pass: Pass) {
        if !pass.is_probe() {
            return;
        }
        let mut circuits = self.lock();
        circuits.everybody.release(pass.everybody);
        if let (Some(own), Some(ticket)) = (circuits.callers.get_mut(&pass.caller), pass.own) {
            own.release(ticket);
        }
    }

    /// Runs `look` with the circuit for everybody.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Circuit) -> T) -> T {
        look(&mut self.lock().everybody)
    }

    /// Closes the circuit for everybody and for each caller.
    pub(crate) fn reset(&self) {
        let mut circuits = self.lock();
        circuits.everybody.reset();
        circuits.callers.clear();
    }

    /// The number of callers for whom alone the circuit is not closed.
    pub(crate) fn callers(&self) -> usize {
        self.lock().callers.len()
    }

    // A panic under the lock leaves a whole circuit: each change is one assignment.
    fn lock(&self) -> MutexGuard<'_, Circuits> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
