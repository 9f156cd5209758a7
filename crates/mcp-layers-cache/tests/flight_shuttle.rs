//! The flights under many schedules: one leader at a time, nobody waits for ever, nothing is left.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

/// Shuttle's, in the place of the standard library's.
mod sync {
    pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;
}

#[path = "../src/flight.rs"]
mod flight;

use std::{
    future::poll_fn,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use flight::{Arrived, Flights, Joined, Lead};
use shuttle::{future, sync::Arc, thread};

const SCHEDULES: usize = 2_000;

struct Shared {
    flights: Arc<Flights<u8, u32>>,
    leading: AtomicUsize,
    landed: AtomicUsize,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            flights: Arc::new(Flights::new()),
            leading: AtomicUsize::new(0),
            landed: AtomicUsize::new(0),
        })
    }

    /// Leads: gives up as often as told, then lands.
    fn lead(&self, lead: Lead<u8, u32>, gives_up: bool) -> Option<u32> {
        assert_eq!(self.leading.fetch_add(1, SeqCst), 0, "two leaders");
        thread::yield_now();
        self.leading.fetch_sub(1, SeqCst);
        if gives_up {
            drop(lead);
            return None;
        }
        let brought = u32::try_from(self.landed.fetch_add(1, SeqCst)).unwrap();
        lead.land(Some(brought));
        Some(brought)
    }

    /// One request. Gives up when it leads, or when it has waited for so many turns.
    fn request(&self, gives_up: bool) -> Option<u32> {
        match self.flights.join(b"key", &0) {
            Joined::Lead(lead) => self.lead(lead, gives_up),
            Joined::Follow(mut follower) => {
                if gives_up {
                    // Polled once, perhaps woken, and dropped.
                    future::block_on(poll_fn(|cx| {
                        let _ = follower.poll(cx);
                        std::task::Poll::Ready(())
                    }));
                    thread::yield_now();
                    return None;
                }
                match future::block_on(poll_fn(|cx| follower.poll(cx))) {
                    Arrived::Shared(brought) => Some(brought),
                    Arrived::Nothing => panic!("every leader that lands brings something"),
                    Arrived::Lead(lead) => self.lead(lead, false),
                }
            }
        }
    }
}

fn run(gives_up: &'static [bool]) {
    shuttle::check_random(
        move || {
            let shared = Shared::new();
            let requests: Vec<_> = gives_up
                .iter()
                .map(|gives_up| {
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || shared.request(*gives_up))
                })
                .collect();
            let answers: Vec<_> = requests.into_iter().map(|it| it.join().unwrap()).collect();
            for (answer, gives_up) in answers.iter().zip(gives_up) {
                // Whoever gives up has an answer at most; everybody else has one.
                assert!(answer.is_some() || *gives_up, "{answers:?}");
            }
            assert_eq!(shared.flights.len(), 0, "a flight is left behind");
        },
        SCHEDULES,
    );
}

#[test]
fn every_follower_is_answered() {
    run(&[false, false, false]);
}

#[test]
fn c3_a_leader_that_gives_up_is_followed_by_exactly_one() {
    run(&[true, false, false]);
}

#[test]
fn c3_so_is_a_successor_that_gives_up_before_it_runs() {
    run(&[true, true, false, false]);
}

#[test]
fn another_stamp_is_another_flight() {
    shuttle::check_random(
        || {
            let flights: Arc<Flights<u8, u32>> = Arc::new(Flights::new());
            let Joined::Lead(old) = flights.join(b"key", &0) else {
                panic!("nobody else is there");
            };
            let Joined::Lead(new) = flights.join(b"key", &1) else {
                panic!("the stamps differ");
            };
            let late = {
                let flights = Arc::clone(&flights);
                thread::spawn(move || match flights.join(b"key", &1) {
                    Joined::Follow(mut follower) => {
                        match future::block_on(poll_fn(|cx| follower.poll(cx))) {
                            Arrived::Shared(brought) => assert_eq!(brought, 2),
                            Arrived::Nothing | Arrived::Lead(_) => panic!("it landed"),
                        }
                    }
                    Joined::Lead(lead) => lead.land(None),
                })
            };
            old.land(Some(1));
            new.land(Some(2));
            late.join().unwrap();
            assert_eq!(flights.len(), 0);
        },
        SCHEDULES,
    );
}
