//! One request at a time for one key: a leader asks, followers wait for what it brings.
//!
//! Nothing here knows of requests or answers, and nothing waits by polling: a follower sleeps until
//! the leader lands, or gives up and leaves the lead to it.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    hash::BuildHasher,
    task::{Context, Poll, Waker},
};

use foldhash::quality::RandomState;

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

type ByKey<S, T> = HashMap<Box<[u8]>, Arc<Flight<S, T>>, RandomState>;

/// The flights that are under way. `S` is what two requests for one key must agree on to share a
/// flight, `T` what a flight brings.
pub(crate) struct Flights<S, T> {
    shards: Box<[Mutex<ByKey<S, T>>]>,
    hasher: RandomState,
}

struct Flight<S, T> {
    stamp: S,
    state: Mutex<State<T>>,
}

struct State<T> {
    phase: Phase<T>,
    /// Followers in the order in which they came; one that was not polled yet has no waker.
    waiting: BTreeMap<u64, Option<Waker>>,
    next: u64,
}

enum Phase<T> {
    Led,
    /// The leader gave up; whoever of the followers comes first takes the lead.
    Vacant,
    /// `None` says that there is nothing to share.
    Landed(Option<T>),
}

/// What a request becomes when it joins.
pub(crate) enum Joined<S, T> {
    Lead(Lead<S, T>),
    Follow(Follower<S, T>),
}

/// What a follower waited for.
pub(crate) enum Arrived<S, T> {
    /// What the leader brought.
    Shared(T),
    /// The leader brought nothing that can be shared.
    Nothing,
    /// The leader gave up, and this follower takes over.
    Lead(Lead<S, T>),
}

impl<S: PartialEq + Clone, T: Clone> Flights<S, T> {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS)
                .map(|_| Mutex::new(HashMap::default()))
                .collect(),
            hasher: RandomState::default(),
        }
    }

    /// Joins the flight of this key, or begins one. A flight with another stamp goes on for those
    /// who wait for it, and gets no new followers.
    pub(crate) fn join(self: &Arc<Self>, key: &[u8], stamp: &S) -> Joined<S, T> {
        let mut shard = self.shard(key);
        let flight = match shard.entry(key.into()) {
            Entry::Occupied(entry) if entry.get().stamp == *stamp => {
                let flight = Arc::clone(entry.get());
                let mut state = flight.lock();
                match state.phase {
                    Phase::Led => {
                        let id = state.next;
                        state.next += 1;
                        state.waiting.insert(id, None);
                        drop(state);
                        return Joined::Follow(Follower {
                            flights: Arc::clone(self),
                            key: key.into(),
                            flight,
                            id: Some(id),
                        });
                    }
                    Phase::Vacant | Phase::Landed(_) => state.phase = Phase::Led,
                }
                drop(state);
                flight
            }
            entry => {
                let flight = Arc::new(Flight {
                    stamp: stamp.clone(),
                    state: Mutex::new(State {
                        phase: Phase::Led,
                        waiting: BTreeMap::new(),
                        next: 0,
                    }),
                });
                entry.insert_entry(Arc::clone(&flight));
                flight
            }
        };
        drop(shard);
        Joined::Lead(Lead {
            flights: Arc::clone(self),
            key: key.into(),
            flight,
            landed: false,
        })
    }

    /// How many flights are under way.
    #[allow(dead_code, reason = "for tests")]
    pub(crate) fn len(&self) -> usize {
        let shards = self.shards.iter();
        shards
            .map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len())
            .sum()
    }
}

impl<S, T> Flights<S, T> {
    fn shard(&self, key: &[u8]) -> MutexGuard<'_, ByKey<S, T>> {
        #[allow(clippy::cast_possible_truncation, reason = "SHARDS fits")]
        let shard = (self.hasher.hash_one(key) % SHARDS as u64) as usize;
        // Nothing can panic between two changes, so that a poisoned lock guards whole state.
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(shard: &mut ByKey<S, T>, key: &[u8], flight: &Arc<Flight<S, T>>) {
        if shard
            .get(key)
            .is_some_and(|known| Arc::ptr_eq(known, flight))
        {
            shard.remove(key);
        }
    }
}

impl<S, T> Flight<S, T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// Leaves the lead to the followers; the waker of the one to be told, if it can be told.
    fn vacate(&mut self) -> Option<Waker> {
        self.phase = Phase::Vacant;
        self.waiting.values_mut().find_map(Option::take)
    }
}

/// Whoever holds it asks. Dropped before it has landed, it leaves the lead to a follower.
pub(crate) struct Lead<S, T> {
    flights: Arc<Flights<S, T>>,
    key: Box<[u8]>,
    flight: Arc<Flight<S, T>>,
    landed: bool,
}

impl<S, T> Lead<S, T> {
    /// Ends the flight: every follower gets what it brought, or learns that there is nothing.
    pub(crate) fn land(mut self, brought: Option<T>) {
        self.landed = true;
        let mut shard = self.flights.shard(&self.key);
        Flights::remove(&mut shard, &self.key, &self.flight);
        let mut state = self.flight.lock();
        drop(shard);
        state.phase = Phase::Landed(brought);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for waker in waiting.into_values().flatten() {
            waker.wake();
        }
    }
}

impl<S, T> Drop for Lead<S, T> {
    fn drop(&mut self) {
        if self.landed {
            return;
        }
        let mut shard = self.flights.shard(&self.key);
        let mut state = self.flight.lock();
        if state.waiting.is_empty() {
            Flights::remove(&mut shard, &self.key, &self.flight);
        }
        let next = state.vacate();
        drop((state, shard));
        if let Some(next) = next {
            next.wake();
        }
    }
}

/// Whoever holds it waits for a leader.
pub(crate) struct Follower<S, T> {
    flights: Arc<Flights<S, T>>,
    key: Box<[u8]>,
    flight: Arc<Flight<S, T>>,
    /// `None` once it has arrived.
    id: Option<u64>,
}

impl<S, T: Clone> Follower<S, T> {
    /// Ready when the leader has landed or given up. Afterwards it stays pending.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Arrived<S, T>> {
        let Some(id) = self.id else {
            return Poll::Pending;
        };
        let mut state = self.flight.lock();
        let arrived = match &mut state.phase {
            Phase::Led => {
                if let Some(waker) = state.waiting.get_mut(&id)
                    && !waker.as_ref().is_some_and(|had| had.will_wake(cx.waker()))
                {
                    *waker = Some(cx.waker().clone());
                }
                return Poll::Pending;
            }
            Phase::Vacant => {
                state.phase = Phase::Led;
                state.waiting.remove(&id);
                Arrived::Lead(Lead {
                    flights: Arc::clone(&self.flights),
                    key: self.key.clone(),
                    flight: Arc::clone(&self.flight),
                    landed: false,
                })
            }
            Phase::Landed(Some(brought)) => Arrived::Shared(brought.clone()),
            Phase::Landed(None) => Arrived::Nothing,
        };
        drop(state);
        self.id = None;
        Poll::Ready(arrived)
    }
}

impl<S, T> Drop for Follower<S, T> {
    fn drop(&mut self) {
        let Some(id) = self.id else {
            return;
        };
        let mut shard = self.flights.shard(&self.key);
        let mut state = self.flight.lock();
        state.waiting.remove(&id);
        // It may have been the one that was told to take the lead.
        let next = match state.phase {
            Phase::Vacant => {
                if state.waiting.is_empty() {
                    Flights::remove(&mut shard, &self.key, &self.flight);
                }
                state.vacate()
            }
            Phase::Led | Phase::Landed(_) => None,
        };
        drop((state, shard));
        if let Some(next) = next {
            next.wake();
        }
    }
}
