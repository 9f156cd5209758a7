//! Every interleaving of two threads at one circuit, under loom. The sources are those of the crate;
//! only what threads share is loom's.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, missing_docs)]

#[path = "../src/circuit.rs"]
mod circuit;
#[path = "../src/settings.rs"]
mod settings;
#[path = "../src/shared.rs"]
mod shared;
#[path = "../src/window.rs"]
mod window;

mod sync {
    pub(crate) use loom::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    };
    pub(crate) use std::sync::PoisonError;
}

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use circuit::{Admission, Circuit, State};
use loom::{sync::Arc, thread};
use settings::{Percent, Settings};
use shared::Shared;
use window::{Sample, Window};

const GOOD: Sample = Sample {
    failed: false,
    slow: false,
};
const BAD: Sample = Sample {
    failed: true,
    slow: false,
};

fn settings(window: u32, minimum: u32) -> Settings {
    Settings {
        window: Window::Calls(NonZeroU32::new(window).unwrap()),
        minimum_calls: NonZeroU32::new(minimum).unwrap(),
        failure_rate: Percent::new(100).unwrap(),
        slow_calls: None,
        open_for: Duration::from_secs(1),
        probes: NonZeroU32::MIN,
        probe_lease: Duration::from_secs(1),
    }
}

fn call(shared: &Shared, sample: Sample, now: Instant) -> Option<State> {
    match shared.admit(|| now).0 {
        Admission::Pass(ticket) => shared.record(ticket, sample, || now),
        Admission::Refuse { .. } => None,
    }
}

/// Two failures in a row open it, in whatever order they come; one thread is told so.
#[test]
fn no_failure_is_lost() {
    loom::model(|| {
        let now = Instant::now();
        let shared = Arc::new(Shared::new(Circuit::new(settings(2, 2))));
        // Full of successes: good calls take the way without the lock.
        call(&shared, GOOD, now);
        call(&shared, GOOD, now);
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || call(&other, BAD, now));
        let mine = call(&shared, BAD, now);
        let theirs = thread.join().unwrap();
        let told = [mine, theirs].into_iter().flatten().count();
        assert_eq!(told, 1);
        assert_eq!(shared.with(|circuit| circuit.state()), State::Open);
        assert!(matches!(shared.admit(|| now).0, Admission::Refuse { .. }));
    });
}

/// A success beside a failure: as if one had come after the other. The window of two cannot be all
/// failures then, but for the failure that comes last of three calls.
#[test]
fn a_success_without_the_lock_has_a_place_in_the_order() {
    loom::model(|| {
        let now = Instant::now();
        let shared = Arc::new(Shared::new(Circuit::new(settings(2, 2))));
        call(&shared, GOOD, now);
        call(&shared, GOOD, now);
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || call(&other, GOOD, now));
        call(&shared, BAD, now);
        thread.join().unwrap();
        let counts = shared.with(|circuit| circuit.counts(now));
        assert_eq!((counts.calls, counts.failures), (2, 1));
        assert_eq!(shared.with(|circuit| circuit.state()), State::Closed);
    });
}

/// Two threads that find it half open: one probes, the other is refused, unless the first is done.
#[test]
fn one_probe_at_a_time() {
    loom::model(|| {
        let now = Instant::now();
        let shared = Arc::new(Shared::new(Circuit::new(settings(1, 1))));
        call(&shared, BAD, now);
        let later = now + Duration::from_secs(1);
        let other = Arc::clone(&shared);
        let admit = move |shared: &Shared| match shared.admit(|| later).0 {
            Admission::Pass(ticket) => ticket.is_probe(),
            Admission::Refuse { .. } => false,
        };
        let thread = thread::spawn(move || admit(&other));
        let mine = admit(&shared);
        assert!(mine ^ thread.join().unwrap());
    });
}
