//! Unit tests of `src/single_flight.rs`.
#![allow(clippy::unwrap_used)]

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use super::{FlightKey, Joined, Leader, SingleFlight, Waited};

fn key(generation: u64) -> FlightKey {
    (Arc::from(*b"key"), generation)
}

fn leader<T: Send + Sync + 'static>(flights: &SingleFlight<T>, generation: u64) -> Leader<T> {
    match flights.join(&key(generation)) {
        Joined::Leader(leader) => leader,
        Joined::Waiter(_) => panic!("another leader is there"),
    }
}

#[tokio::test]
async fn requests_of_another_generation_do_not_wait() {
    let flights = SingleFlight::new();
    let (old, new) = (leader(&flights, 0), leader(&flights, 1));
    let Joined::Waiter(waiter) = flights.join(&key(1)) else {
        panic!("it is led");
    };
    old.publish(Some("old"));
    new.publish(Some("new"));
    let Waited::Published(result) = waiter.wait().await else {
        panic!("it was published");
    };
    assert_eq!(result, "new");
    drop(waiter);
    assert_eq!(flights.len(), 0);
}

#[tokio::test]
async fn requests_do_not_wait_for_a_leader_that_a_waiter_gave_up() {
    let flights = SingleFlight::new();
    let stuck = leader(&flights, 0);
    let Joined::Waiter(waiter) = flights.join(&key(0)) else {
        panic!("it is led");
    };
    waiter.give_up();
    let next = leader(&flights, 0);
    // The leader that was given up removes no flight but its own.
    stuck.publish(Some("late"));
    assert_eq!(flights.len(), 1);
    next.publish(Some("next"));
    assert_eq!(flights.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_request_leads_at_a_time_and_every_waiter_is_answered() {
    for round in 0..200 {
        let flights = Arc::new(SingleFlight::new());
        let (leading, led) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let requests: Vec<_> = (0..16_usize)
            .map(|number| {
                let (flights, leading) = (Arc::clone(&flights), Arc::clone(&leading));
                let led = Arc::clone(&led);
                tokio::spawn(async move {
                    let lead = |leader: Leader<usize>| {
                        assert_eq!(leading.fetch_add(1, SeqCst), 0, "two leaders");
                        std::thread::yield_now();
                        leading.fetch_sub(1, SeqCst);
                        // The first few leaders are dropped.
                        let turn = led.fetch_add(1, SeqCst);
                        if turn >= round % 4 {
                            leader.publish(Some(turn));
                        }
                    };
                    match flights.join(&key(0)) {
                        Joined::Leader(leader) => lead(leader),
                        Joined::Waiter(waiter) if number % 5 == 4 => {
                            // Polled once and dropped.
                            let mut wait = std::pin::pin!(waiter.wait());
                            poll_fn(|cx| {
                                let _ = wait.as_mut().poll(cx).map(drop);
                                std::task::Poll::Ready(())
                            })
                            .await;
                        }
                        Joined::Waiter(waiter) => match waiter.wait().await {
                            Waited::Leader(leader) => lead(leader),
                            Waited::Published(_) => {}
                            Waited::Nothing => panic!("every leader has a result"),
                        },
                    }
                })
            })
            .collect();
        for request in requests {
            request.await.unwrap();
        }
        assert_eq!(flights.len(), 0, "a flight is left behind");
    }
}
