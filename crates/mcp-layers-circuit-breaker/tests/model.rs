//! The state machine against a plain model that keeps every call there was.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use mcp_layers_circuit_breaker::{
    Admission, Circuit, CircuitState, Mode, Percent, Sample, Settings, Ticket, Window,
};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Step {
    Admit,
    Record {
        which: usize,
        failed: bool,
        slow: bool,
    },
    Release {
        which: usize,
    },
    Wait {
        ms: u64,
    },
    Set(Mode),
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..8_usize;
    prop_oneof![
        6 => Just(Step::Admit),
        6 => (which.clone(), any::<bool>(), prop::bool::weighted(0.3))
            .prop_map(|(which, failed, slow)| Step::Record { which, failed, slow }),
        1 => which.prop_map(|which| Step::Release { which }),
        2 => (0..400_u64).prop_map(|ms| Step::Wait { ms }),
        1 => prop_oneof![
            3 => Just(Mode::Automatic),
            1 => Just(Mode::ForcedOpen),
            1 => Just(Mode::ForcedClosed),
            1 => Just(Mode::Disabled),
        ].prop_map(Step::Set),
        1 => Just(Step::Reset),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let count = |max: u32| (1..=max).prop_map(|n| NonZeroU32::MIN.saturating_add(n - 1));
    // A tenth of a window of time is no whole number of milliseconds, now and then.
    let window = prop_oneof![
        count(8).prop_map(Window::Calls),
        (1..2_000_u64).prop_map(|ms| Window::Time(Duration::from_millis(ms))),
    ];
    (
        window,
        count(5),
        1..=100_u8,
        prop::option::of(1..=100_u8),
        1..500_u64,
        count(3),
        1..300_u64,
    )
        .prop_map(
            |(window, minimum_calls, rate, slow, open_ms, probes, lease_ms)| {
                let percent = |rate| Percent::new(rate).unwrap_or(Percent::HALF);
                let mut settings = Settings::default();
                settings.window = window;
                settings.minimum_calls = minimum_calls;
                settings.failure_rate = percent(rate);
                settings.slow_calls = slow.map(|rate| (Duration::from_millis(1), percent(rate)));
                settings.open_for = Duration::from_millis(open_ms);
                settings.probes = probes;
                settings.probe_lease = Duration::from_millis(lease_ms);
                settings
            },
        )
}

/// Everything that was ever recorded, and rules written down as they are told.
struct Model {
    settings: Settings,
    rate: u32,
    slow_rate: Option<u32>,
    mode: Mode,
    /// Since the circuit closed last: when each ended, and how.
    history: Vec<(Instant, Sample)>,
    open_until: Option<Instant>,
    half_open: bool,
    /// Calls that are let through, and whether they are probes until when.
    running: Vec<Running>,
}

#[derive(Debug, Clone, Copy)]
struct Running {
    ticket: Ticket,
    /// True while the state in which it was let through lasts.
    current: bool,
    probe_until: Option<Instant>,
}

impl Model {
    fn state(&self) -> CircuitState {
        match self.mode {
            Mode::ForcedOpen => CircuitState::Open,
            Mode::Automatic if self.half_open => CircuitState::HalfOpen,
            Mode::Automatic if self.open_until.is_some() => CircuitState::Open,
            _ => CircuitState::Closed,
        }
    }

    fn outdate(&mut self) {
        for running in &mut self.running {
            running.current = false;
        }
    }

    /// Lets a call pass or not. A probe has the end of its lease.
    fn admit(&mut self, now: Instant) -> Option<Option<Instant>> {
        match self.mode {
            Mode::ForcedOpen => return None,
            Mode::Automatic => {}
            _ => return Some(None),
        }
        if self.open_until.is_some_and(|until| now < until) {
            return None;
        }
        if self.open_until.take().is_some() {
            self.half_open = true;
            self.outdate();
        }
        if !self.half_open {
            return Some(None);
        }
        let probing = |running: &&Running| {
            running.current && running.probe_until.is_some_and(|until| until > now)
        };
        let probes = self.running.iter().filter(probing).count();
        let room = probes < self.settings.probes.get() as usize;
        room.then(|| Some(now + self.settings.probe_lease))
    }

    /// The samples by which the circuit decides.
    fn window(&self, now: Instant) -> Vec<Sample> {
        match self.settings.window {
            Window::Calls(window) => {
                let latest = self.history.iter().rev().take(window.get() as usize);
                latest.map(|(_, sample)| *sample).collect()
            }
            Window::Time(length) => of_time(&self.history, length, now),
            _ => unreachable!("a window of a kind that is not tested"),
        }
    }

    fn record(&mut self, running: Running, sample: Sample, now: Instant) {
        if !running.current || self.mode == Mode::Disabled || self.open_until.is_some() {
            return;
        }
        if self.half_open {
            if running.probe_until.is_none() {
                return;
            }
            self.half_open = false;
            self.outdate();
            if sample.failed || (sample.slow && self.slow_rate.is_some()) {
                self.open_until = Some(now + self.settings.open_for);
            } else {
                self.history.clear();
            }
            return;
        }
        self.history.push((now, sample));
        let latest = self.window(now);
        let minimum = self.settings.minimum_calls.get() as usize;
        let minimum = match self.settings.window {
            Window::Calls(window) => minimum.min(window.get() as usize),
            _ => minimum,
        };
        let share = |part: usize, rate: u32| part * 100 >= latest.len() * rate as usize;
        let failed = latest.iter().filter(|sample| sample.failed).count();
        let slow = latest.iter().filter(|sample| sample.slow).count();
        let too_much =
            share(failed, self.rate) || self.slow_rate.is_some_and(|rate| share(slow, rate));
        if self.mode == Mode::Automatic && latest.len() >= minimum && too_much {
            self.open_until = Some(now + self.settings.open_for);
            self.outdate();
        }
    }
}

/// The samples in a window of time. A slice begins with a call and takes in those of a tenth of the
/// window; it goes as a whole when its beginning is as old as the window is long. Nothing is kept
/// from one call to the next: the slices are told again from all calls there were.
fn of_time(history: &[(Instant, Sample)], length: Duration, now: Instant) -> Vec<Sample> {
    let mut begun = None;
    let sliced = history.iter().map(|&(at, sample)| {
        let slice = match begun {
            Some(slice) if at - slice < length / 10 => slice,
            _ => at,
        };
        begun = Some(slice);
        (slice, sample)
    });
    let inside = sliced.filter(|(slice, _)| now - *slice < length);
    inside.map(|(_, sample)| sample).collect()
}

fn percent(rate: Percent) -> u32 {
    let text = rate.to_string();
    text.trim_end_matches(" %").parse().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_circuit_does_what_the_model_does(
        settings in settings(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut now = Instant::now();
        let mut circuit = Circuit::new(settings);
        let mut model = Model {
            settings,
            rate: percent(settings.failure_rate),
            slow_rate: settings.slow_calls.map(|(_, rate)| percent(rate)),
            mode: Mode::Automatic,
            history: Vec::new(),
            open_until: None,
            half_open: false,
            running: Vec::new(),
        };
        // A lease that ended is lost as soon as somebody asks: the circuit looks only then.
        for step in steps {
            match step {
                Step::Admit => {
                    let expected = model.admit(now);
                    let asked = model.half_open && model.mode == Mode::Automatic;
                    if asked {
                        for running in &mut model.running {
                            if running.probe_until.is_some_and(|until| until <= now) {
                                running.current = false;
                            }
                        }
                    }
                    match (circuit.admit(now), expected) {
                        (Admission::Pass(ticket), Some(probe_until)) => {
                            prop_assert_eq!(ticket.is_probe(), probe_until.is_some());
                            model.running.push(Running { ticket, current: true, probe_until });
                        }
                        (Admission::Refuse { retry_after }, None) => {
                            prop_assert!(retry_after <= settings.open_for);
                        }
                        other => prop_assert!(false, "{:?}", other),
                    }
                }
                Step::Record { which, failed, slow } => {
                    if which < model.running.len() {
                        let running = model.running.swap_remove(which);
                        let sample = Sample { failed, slow };
                        let before = model.state();
                        model.record(running, sample, now);
                        let changed = circuit.record(running.ticket, sample, now);
                        let after = model.state();
                        if model.mode == Mode::Automatic {
                            prop_assert_eq!(changed, (before != after).then_some(after));
                        }
                    }
                }
                Step::Release { which } => {
                    if which < model.running.len() {
                        let running = model.running.swap_remove(which);
                        circuit.release(running.ticket);
                    }
                }
                Step::Wait { ms } => now += Duration::from_millis(ms),
                Step::Set(mode) => {
                    model.mode = mode;
                    circuit.set_mode(mode);
                }
                Step::Reset => {
                    model.half_open = false;
                    model.open_until = None;
                    model.history.clear();
                    model.outdate();
                    circuit.reset();
                }
            }
            prop_assert_eq!(circuit.state(), model.state());
            // Looked at only here, so that between calls nothing is cleared away by looking.
            if let Step::Record { .. } = step {
                let count = circuit.counts(now);
                let window = model.window(now);
                let of = |is: fn(&Sample) -> bool| window.iter().filter(|&sample| is(sample)).count();
                prop_assert_eq!(count.calls as usize, window.len());
                prop_assert_eq!(count.failures as usize, of(|sample| sample.failed));
                prop_assert_eq!(count.slow as usize, of(|sample| sample.slow));
            }
        }
    }

    /// A circuit that neither opens nor closes, so that the window grows old in all ways.
    #[test]
    fn a_window_of_time_holds_what_the_model_says(
        length in (1..10_000_u32).prop_map(|ms| Duration::from_millis(ms.into())),
        // How long after the one before, in thousandths of the window.
        calls in prop::collection::vec((0..200_u32, any::<bool>()), 1..100),
    ) {
        let mut settings = Settings::default();
        settings.window = Window::Time(length);
        let mut circuit = Circuit::new(settings);
        circuit.set_mode(Mode::ForcedClosed);
        let mut now = Instant::now();
        let mut history = Vec::new();
        for (thousandths, failed) in calls {
            now += length * thousandths / 1_000;
            let Admission::Pass(ticket) = circuit.admit(now) else {
                return Err(TestCaseError::fail("refused"));
            };
            let sample = Sample { failed, slow: false };
            circuit.record(ticket, sample, now);
            history.push((now, sample));
            let window = of_time(&history, length, now);
            let counts = circuit.counts(now);
            prop_assert_eq!(counts.calls as usize, window.len());
            let failures = window.iter().filter(|sample| sample.failed).count();
            prop_assert_eq!(counts.failures as usize, failures);
        }
    }
}
