//! The state machine of a circuit. It has no future, no lock and no clock: the time is a parameter.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

use mcp_layers_core::trail::CircuitState;

use crate::{
    settings::Settings,
    window::{Caller, Counts, Sample, Samples},
};

/// The mode of a circuit: automatic, or overridden by the operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// The outcomes of the calls open and close the circuit.
    #[default]
    Automatic,
    /// Every call is refused.
    ForcedOpen,
    /// Every call passes and is counted.
    ForcedClosed,
    /// Every call passes, and none is counted.
    Disabled,
}

/// The answer of a circuit to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Admission {
    /// The call passes. Its outcome is recorded with the ticket.
    Pass(Ticket),
    /// The call is refused.
    Refuse {
        /// The time until a call may pass.
        retry_after: Duration,
    },
}

/// A call that was let through. A ticket from an earlier state changes nothing in a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    pub(crate) epoch: u64,
    pub(crate) probe: Option<NonZeroU64>,
}

impl Ticket {
    /// Returns true for a probe of a half-open circuit.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.probe.is_some()
    }
}

/// A circuit: counts the outcomes of calls, refuses calls while too many fail, and lets a few probes
/// through after a while.
///
/// ```
/// use mcp_layers_circuit_breaker::{Admission, Circuit, CircuitState, Sample, Settings};
/// use std::time::{Duration, Instant};
///
/// let mut circuit = Circuit::new(Settings::default());
/// let start = Instant::now();
/// for _ in 0..5 {
///     let Admission::Pass(call) = circuit.admit(start) else { panic!("closed") };
///     circuit.record(call, Sample { failed: true, slow: false }, start);
/// }
/// assert!(matches!(circuit.admit(start), Admission::Refuse { .. }));
///
/// let later = start + Duration::from_secs(30);
/// let Admission::Pass(probe) = circuit.admit(later) else { panic!("half open") };
/// assert_eq!(circuit.record(probe, Sample { failed: false, slow: false }, later), Some(CircuitState::Closed));
/// ```
#[derive(Debug)]
pub struct Circuit {
    settings: Settings,
    mode: Mode,
    /// The number of changes of state, by which late answers are recognised.
    epoch: u64,
    phase: Phase,
    samples: Samples,
    next_probe: NonZeroU64,
}

/// A duration that replaces those that reach beyond the range of [`Instant`].
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[derive(Debug)]
enum Phase {
    Closed,
    Open {
        until: Instant,
    },
    HalfOpen {
        leases: Vec<Lease>,
        /// The callers whose probes failed, without opening the circuit for all.
        failed: Vec<Caller>,
    },
}

/// The change that an outcome made to a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    To(CircuitState),
    /// The caller's own calls would open the circuit, but too few other callers failed.
    OneCaller,
}

#[derive(Debug)]
struct Lease {
    probe: NonZeroU64,
    caller: Caller,
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

    /// An open circuit.
    pub(crate) fn opened(settings: Settings, now: Instant) -> Self {
        let mut circuit = Self::new(settings);
        circuit.open(now);
        circuit
    }

    /// Lets a call through, or refuses it.
    pub fn admit(&mut self, now: Instant) -> Admission {
        self.admit_by(Caller::default(), 1, now)
    }

    /// Lets a caller's call through, or refuses it. A half-open circuit lets probes of
    /// `min_callers` callers through, so that one that hangs does not keep the others out.
    pub(crate) fn admit_by(
        &mut self,
        caller: Caller,
        min_callers: usize,
        now: Instant,
    ) -> Admission {
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
            self.change(Phase::HalfOpen {
                leases: Vec::new(),
                failed: Vec::new(),
            });
        }
        let Phase::HalfOpen { leases, .. } = &mut self.phase else {
            return self.pass(None);
        };
        leases.retain(|lease| lease.ends > now);
        let max = self.settings.probes.get() as usize;
        let own = leases.iter().filter(|lease| lease.caller == caller);
        if own.count() >= max || leases.len() >= max.saturating_mul(min_callers) {
            let first = leases.iter().map(|lease| lease.ends).min();
            let first = first.map_or(Duration::ZERO, |ends| ends - now);
            let retry_after = first.min(self.settings.open_for);
            return Admission::Refuse { retry_after };
        }
        let probe = self.next_probe;
        self.next_probe = probe.saturating_add(1);
        let lease = self.settings.probe_lease.min(CENTURY);
        leases.push(Lease {
            probe,
            caller,
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

    /// Records the outcome of a call. Returns the new state if the outcome changed it.
    pub fn record(&mut self, ticket: Ticket, sample: Sample, now: Instant) -> Option<CircuitState> {
        match self.record_by(Caller::default(), 1, ticket, sample, now) {
            Change::To(state) => Some(state),
            Change::None | Change::OneCaller => None,
        }
    }

    /// Records the outcome of a caller's call. The circuit opens only if calls of `min_callers`
    /// callers failed.
    pub(crate) fn record_by(
        &mut self,
        caller: Caller,
        min_callers: usize,
        ticket: Ticket,
        sample: Sample,
        now: Instant,
    ) -> Change {
        if ticket.epoch != self.epoch {
            return Change::None;
        }
        if self.mode == Mode::Disabled {
            self.release(ticket);
            return Change::None;
        }
        let settings = self.settings;
        match &mut self.phase {
            Phase::Closed => {
                self.samples.add(caller, sample, now);
                let reached = settings.is_reached(self.samples.counts(now));
                if self.mode != Mode::Automatic || !reached {
                    return Change::None;
                }
                let is_bad = |counts| settings.is_bad(counts);
                if min_callers <= 1 || self.samples.callers_with(is_bad) >= min_callers {
                    return self.open(now);
                }
                if !settings.is_reached(self.samples.counts_of(caller)) {
                    return Change::None;
                }
                self.samples.forget(caller);
                Change::OneCaller
            }
            Phase::HalfOpen { leases, failed } => {
                let held = leases
                    .iter()
                    .position(|lease| Some(lease.probe) == ticket.probe);
                let Some(held) = held else {
                    return Change::None;
                };
                leases.swap_remove(held);
                if !settings.is_bad(Counts::of(sample)) {
                    self.close();
                    return Change::To(CircuitState::Closed);
                }
                if !failed.contains(&caller) {
                    failed.push(caller);
                }
                if failed.len() < min_callers {
                    return Change::OneCaller;
                }
                self.open(now)
            }
            // The operator let this call pass.
            Phase::Open { .. } => Change::None,
        }
    }

    /// Records that the outcome of a call says nothing about the service: it was cancelled, or the
    /// caller's own error. A probe frees its lease.
    pub fn release(&mut self, ticket: Ticket) {
        if ticket.epoch == self.epoch
            && let Phase::HalfOpen { leases, .. } = &mut self.phase
        {
            leases.retain(|lease| Some(lease.probe) != ticket.probe);
        }
    }

    fn open(&mut self, now: Instant) -> Change {
        let until = now.checked_add(self.settings.open_for);
        let until = until.unwrap_or(now + CENTURY);
        self.change(Phase::Open { until });
        Change::To(CircuitState::Open)
    }

    fn close(&mut self) {
        self.change(Phase::Closed);
        self.samples.clear();
    }

    fn change(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
    }

    /// Closes the circuit and drops all samples. The mode stays.
    pub fn reset(&mut self) {
        self.close();
    }

    /// Sets the mode. The state from before an override is there again after it.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// The mode.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The state. An open circuit becomes half open with the first call after its time.
    #[must_use]
    pub fn state(&self) -> CircuitState {
        match (self.mode, &self.phase) {
            (Mode::ForcedOpen, _) => CircuitState::Open,
            (Mode::ForcedClosed | Mode::Disabled, _) | (_, Phase::Closed) => CircuitState::Closed,
            (_, Phase::Open { .. }) => CircuitState::Open,
            (_, Phase::HalfOpen { .. }) => CircuitState::HalfOpen,
        }
    }

    /// The time from `now` until an open circuit lets a probe through.
    #[must_use]
    pub fn retry_after(&self, now: Instant) -> Option<Duration> {
        match (self.mode, &self.phase) {
            (Mode::Automatic, Phase::Open { until }) => Some(until.saturating_duration_since(now)),
            _ => None,
        }
    }

    /// The numbers of calls in the window.
    #[must_use]
    pub fn counts(&mut self, now: Instant) -> Counts {
        self.samples.counts(now)
    }
}
