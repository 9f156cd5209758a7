//! The state machine. No future, no lock and no clock in it: the time is a parameter.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

use crate::{
    Settings,
    window::{Counts, Sample, Samples},
};

pub use mcp_layers_core::CircuitState as State;

/// Who decides about a circuit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// The calls.
    #[default]
    Automatic,
    /// The operator: every call is refused.
    ForcedOpen,
    /// The operator: every call passes. Calls are counted all the same.
    ForcedClosed,
    /// The operator: every call passes, and none is counted.
    Disabled,
}

/// What a circuit says to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Admission {
    /// Go on, and say with the ticket how it ended.
    Pass(Ticket),
    /// No; it may be tried again after that.
    Refuse {
        /// How long that is.
        retry_after: Duration,
    },
}

/// A call that was let through. A ticket of an earlier state changes nothing in a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    pub(crate) epoch: u64,
    pub(crate) probe: Option<NonZeroU64>,
}

impl Ticket {
    /// Whether this call tries a circuit that is half open.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.probe.is_some()
    }
}

/// A circuit: counts how calls end, refuses them while too many fail, and lets a few try again.
///
/// ```
/// use mcp_layers_circuit_breaker::{Admission, Circuit, Sample, Settings, State};
/// use std::time::{Duration, Instant};
///
/// let mut circuit = Circuit::new(Settings::default());
/// let start = Instant::now();
/// for _ in 0..5 {
///     let Admission::Pass(call) = circuit.admit(start) else { panic!("it is closed") };
///     circuit.record(call, Sample { failed: true, slow: false }, start);
/// }
/// assert!(matches!(circuit.admit(start), Admission::Refuse { .. }));
///
/// let later = start + Duration::from_secs(30);
/// let Admission::Pass(probe) = circuit.admit(later) else { panic!("it is half open") };
/// assert_eq!(circuit.record(probe, Sample { failed: false, slow: false }, later), Some(State::Closed));
/// ```
#[derive(Debug)]
pub struct Circuit {
    settings: Settings,
    mode: Mode,
    /// Counts the changes of state, so that late answers are told from those of this state.
    epoch: u64,
    phase: Phase,
    samples: Samples,
    next_probe: NonZeroU64,
}

#[derive(Debug)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { leases: Vec<Lease> },
}

#[derive(Debug)]
struct Lease {
    probe: NonZeroU64,
    ends: Instant,
}

impl Circuit {
    /// A closed circuit.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            mode: Mode::Automatic,
            epoch: 0,
            phase: Phase::Closed,
            samples: Samples::new(settings.window),
            next_probe: NonZeroU64::MIN,
        }
    }

    /// Asks for a call.
    pub fn admit(&mut self, now: Instant) -> Admission {
        match self.mode {
            Mode::ForcedOpen => {
                let retry_after = self.settings.open_for;
                return Admission::Refuse { retry_after };
            }
            Mode::ForcedClosed | Mode::Disabled => return self.pass(None),
            Mode::Automatic => {}
        }
        if let Phase::Open { until } = self.phase {
            if now < until {
                let retry_after = until - now;
                return Admission::Refuse { retry_after };
            }
            self.change(Phase::HalfOpen { leases: Vec::new() });
        }
        let Phase::HalfOpen { leases } = &mut self.phase else {
            return self.pass(None);
        };
        leases.retain(|lease| lease.ends > now);
        if leases.len() >= self.settings.probes.get() as usize {
            let first = leases.iter().map(|lease| lease.ends).min();
            let first = first.map_or(Duration::ZERO, |ends| ends - now);
            let retry_after = first.min(self.settings.open_for);
            return Admission::Refuse { retry_after };
        }
        let probe = self.next_probe;
        self.next_probe = probe.saturating_add(1);
        // A lease beyond the clock's end is as good as one of a century.
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        let lease = self.settings.probe_lease.min(century);
        leases.push(Lease {
            probe,
            ends: now + lease,
        });
        self.pass(Some(probe))
    }

    fn pass(&self, probe: Option<NonZeroU64>) -> Admission {
        Admission::Pass(Ticket {
            epoch: self.epoch,
            probe,
        })
    }

    /// Says how a call ended. Returns the new state if that changed it.
    pub fn record(&mut self, ticket: Ticket, sample: Sample, now: Instant) -> Option<State> {
        if ticket.epoch != self.epoch {
            return None;
        }
        if self.mode == Mode::Disabled {
            self.release(ticket);
            return None;
        }
        match &mut self.phase {
            Phase::Closed => {
                self.samples.add(sample, now);
                let counts = self.samples.counts(now);
                if self.mode == Mode::Automatic && self.is_too_much(counts) {
                    return Some(self.open(now));
                }
                None
            }
            Phase::HalfOpen { leases } => {
                let mut held = leases.iter();
                let held = held.position(|lease| Some(lease.probe) == ticket.probe)?;
                leases.swap_remove(held);
                if sample.failed || (sample.slow && self.settings.slow_calls.is_some()) {
                    return Some(self.open(now));
                }
                self.close();
                Some(State::Closed)
            }
            // The operator let this call pass.
            Phase::Open { .. } => None,
        }
    }

    /// Says that a call ended in a way that tells nothing: cancelled, or the caller's own error.
    pub fn release(&mut self, ticket: Ticket) {
        if ticket.epoch == self.epoch
            && let Phase::HalfOpen { leases } = &mut self.phase
        {
            leases.retain(|lease| Some(lease.probe) != ticket.probe);
        }
    }

    fn is_too_much(&self, counts: Counts) -> bool {
        if counts.calls < self.settings.minimum() {
            return false;
        }
        let slow = self.settings.slow_calls;
        self.settings
            .failure_rate
            .is_reached(counts.failures, counts.calls)
            || slow.is_some_and(|(_, rate)| rate.is_reached(counts.slow, counts.calls))
    }

    fn open(&mut self, now: Instant) -> State {
        let until = now.checked_add(self.settings.open_for);
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        let until = until.unwrap_or(now + century);
        self.change(Phase::Open { until });
        State::Open
    }

    fn close(&mut self) {
        self.change(Phase::Closed);
        self.samples.clear();
    }

    fn change(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
    }

    /// Closes the circuit and forgets all calls. The mode stays.
    pub fn reset(&mut self) {
        self.close();
    }

    /// Says who decides. What calls decided before is there again when they decide again.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// Who decides.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Where the circuit stands. An open one becomes half open with the first call after its time.
    #[must_use]
    pub fn state(&self) -> State {
        match (self.mode, &self.phase) {
            (Mode::ForcedOpen, _) => State::Open,
            (Mode::ForcedClosed | Mode::Disabled, _) | (_, Phase::Closed) => State::Closed,
            (_, Phase::Open { .. }) => State::Open,
            (_, Phase::HalfOpen { .. }) => State::HalfOpen,
        }
    }

    /// When an open circuit is tried again, from `now`.
    #[must_use]
    pub fn retry_after(&self, now: Instant) -> Option<Duration> {
        match (self.mode, &self.phase) {
            (Mode::Automatic, Phase::Open { until }) => Some(until.saturating_duration_since(now)),
            _ => None,
        }
    }

    /// What the window holds.
    #[must_use]
    pub fn counts(&mut self, now: Instant) -> Counts {
        self.samples.counts(now)
    }

    /// The epoch if calls pass now without asking, and whether good calls need not be told.
    pub(crate) fn fast(&self) -> (u64, bool, bool) {
        let passes = match self.mode {
            Mode::ForcedOpen => false,
            Mode::ForcedClosed | Mode::Disabled => true,
            Mode::Automatic => matches!(self.phase, Phase::Closed),
        };
        let counts = matches!(self.phase, Phase::Closed) && self.mode != Mode::Disabled;
        let quiet = passes && (!counts || self.samples.is_clean());
        (self.epoch, passes, quiet)
    }
}
