//! The calls of legacy sessions: in flight, parked and answered.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use mcp_layers_core::{
    McpError, code,
    progress::{InputWait, Waiting},
};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{owner::Owner, parking::Parking, recent::Recent};
use crate::{id::Id, message::Message};

/// The most requests of the server, for each call, whose time is not counted.
const MAX_QUESTIONS: usize = 64;

/// The number of events of a stream from which a client can resume.
const MAX_EVENT_IDS: usize = 64;

/// The message that a client gets for a call; `None` if it gets none.
pub(super) type Outcome = Option<Bytes>;

/// The calls of legacy sessions. A client can lose its connection and resume it by GET; the server
/// then sends the answer there.
#[derive(Debug)]
pub(super) struct Calls {
    state: Mutex<State>,
    pub(super) parking: Parking,
}

#[derive(Debug)]
struct State {
    /// By the client's ids.
    in_flight: HashMap<Owner, HashMap<Id, InFlight>>,
    /// By the ids that the server got.
    streams: HashMap<(Owner, Id), Stream>,
    answered: Recent<(Owner, Id), Bytes>,
}

#[derive(Debug)]
struct InFlight {
    token: CancellationToken,
    input_wait: Option<InputWait>,
    /// The id of the attempt that the server has.
    at_server: Option<Id>,
    /// Requests of the server that the client has not answered.
    questions: HashMap<Id, Waiting>,
}

/// An attempt whose answer may come on another stream.
#[derive(Debug)]
struct Stream {
    answer: Option<oneshot::Sender<Message>>,
    outcome: watch::Receiver<Option<Outcome>>,
    /// The ids of the last events that went to the client.
    event_ids: VecDeque<Bytes>,
}

/// A call under an id of the client.
#[derive(Debug, Clone)]
pub(super) struct CallKey {
    pub(super) owner: Owner,
    pub(super) id: Id,
}

/// The effect of a client's cancellation.
#[derive(Debug, PartialEq)]
pub(super) enum Cancelled {
    /// No such call is in flight here.
    Unknown,
    /// The server does not have the call.
    NotSent,
    /// The server has the call under this id.
    At(Id),
}

/// The answer to a call, as a stream that is not the call's own has it.
pub(super) enum Found {
    InFlight(watch::Receiver<Option<Outcome>>),
    Answered(Bytes),
}

impl Calls {
    pub(super) fn new(max_parked: usize, max_bytes: usize, park_for: Duration) -> Self {
        let state = State {
            in_flight: HashMap::new(),
            streams: HashMap::new(),
            answered: Recent::new(max_parked, max_bytes, Some(park_for)),
        };
        Self {
            state: Mutex::new(state),
            parking: Parking::new(max_parked),
        }
    }

    /// Registers a call.
    ///
    /// # Errors
    /// -32600 if the id is in use: answers could not be told apart.
    pub(super) fn begin(&self, key: &CallKey, token: CancellationToken) -> Result<(), McpError> {
        let mut state = self.lock();
        if state
            .streams
            .contains_key(&(key.owner.clone(), key.id.clone()))
        {
            return Err(in_use());
        }
        let calls = state.in_flight.entry(key.owner.clone()).or_default();
        if calls.contains_key(&key.id) {
            return Err(in_use());
        }
        let call = InFlight {
            token,
            input_wait: None,
            at_server: None,
            questions: HashMap::new(),
        };
        calls.insert(key.id.clone(), call);
        Ok(())
    }

    /// Forgets a call.
    pub(super) fn end(&self, key: &CallKey) {
        let mut state = self.lock();
        if let Some(calls) = state.in_flight.get_mut(&key.owner) {
            let ended = calls.remove(&key.id);
            if calls.is_empty() {
                state.in_flight.remove(&key.owner);
            }
            drop(state);
            drop(ended);
        }
    }

    /// The server has an attempt at a call under this id.
    pub(super) fn begin_attempt(&self, key: &CallKey, id: Id, input_wait: Option<InputWait>) {
        if let Some(call) = self.lock().call(key) {
            call.at_server = Some(id);
            call.input_wait = input_wait;
        }
    }

    /// The server has no attempt at a call any more.
    pub(super) fn end_attempt(&self, key: &CallKey, id: &Id) {
        if let Some(call) = self.lock().call(key)
            && call.at_server.as_ref() == Some(id)
        {
            call.at_server = None;
        }
    }

    /// Cancels a call of the client.
    pub(super) fn cancel(&self, key: &CallKey) -> Cancelled {
        let mut state = self.lock();
        let Some(call) = state.call(key) else {
            return Cancelled::Unknown;
        };
        call.token.cancel();
        call.at_server
            .take()
            .map_or(Cancelled::NotSent, Cancelled::At)
    }

    /// Registers a stream of the server that may end before its answer. The receiver gets an answer
    /// that comes on another stream.
    pub(super) fn open_stream(
        &self,
        key: &CallKey,
        id: &Id,
        outcome: watch::Receiver<Option<Outcome>>,
    ) -> oneshot::Receiver<Message> {
        let (answer, answered) = oneshot::channel();
        let stream = Stream {
            answer: Some(answer),
            outcome,
            event_ids: VecDeque::new(),
        };
        let key = (key.owner.clone(), id.clone());
        self.lock().streams.insert(key, stream);
        answered
    }

    /// Notes the id of an event that goes to the client.
    pub(super) fn see_event(&self, key: &CallKey, id: &Id, event_id: Bytes) {
        let key = (key.owner.clone(), id.clone());
        if let Some(stream) = self.lock().streams.get_mut(&key) {
            if stream.event_ids.len() == MAX_EVENT_IDS {
                stream.event_ids.pop_front();
            }
            stream.event_ids.push_back(event_id);
        }
    }

    /// The end of the call whose stream a client resumes after an event.
    pub(super) fn resume(
        &self,
        owner: &Owner,
        event_id: &[u8],
    ) -> Option<watch::Receiver<Option<Outcome>>> {
        let state = self.lock();
        let mut streams = state.streams.iter();
        let found = streams.find(|((of, _), stream)| {
            of == owner && stream.event_ids.iter().any(|id| id == event_id)
        });
        found.map(|(_, stream)| stream.outcome.clone())
    }

    /// Forgets a stream. With bytes, a later replay of its answer gets them.
    pub(super) fn close_stream(&self, owner: &Owner, id: &Id, answer: Option<Bytes>) {
        let mut state = self.lock();
        let key = (owner.clone(), id.clone());
        state.streams.remove(&key);
        if let Some(answer) = answer {
            let weight = answer.len();
            state.answered.insert(key, answer, weight);
        }
    }

    /// Takes an answer that came on another stream. `None` if it belongs to no call.
    pub(super) fn find(&self, owner: &Owner, id: &Id, message: Message) -> Option<Found> {
        let mut state = self.lock();
        let key = (owner.clone(), id.clone());
        if let Some(stream) = state.streams.get_mut(&key) {
            if let Some(answer) = stream.answer.take() {
                let _ = answer.send(message);
            }
            return Some(Found::InFlight(stream.outcome.clone()));
        }
        state.answered.get(&key).cloned().map(Found::Answered)
    }

    /// A request of the server: the call that it belongs to waits for the client, or every call of
    /// the session if none is known.
    pub(super) fn ask(&self, owner: &Owner, call: Option<&Id>, question: &Id) {
        let mut state = self.lock();
        for (id, have) in state.in_flight.get_mut(owner).into_iter().flatten() {
            let belongs = call.is_none_or(|call| call == id);
            if belongs
                && have.questions.len() < MAX_QUESTIONS
                && let Some(wait) = &have.input_wait
            {
                have.questions.insert(question.clone(), wait.begin());
            }
        }
    }

    /// The end of a request of the server: answered, or withdrawn.
    pub(super) fn asked(&self, owner: &Owner, question: &Id) {
        let mut state = self.lock();
        let calls = state.in_flight.get_mut(owner).into_iter().flatten();
        let ended: Vec<_> = calls
            .filter_map(|(_, call)| call.questions.remove(question))
            .collect();
        drop(state);
        drop(ended);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn call(&mut self, key: &CallKey) -> Option<&mut InFlight> {
        self.in_flight.get_mut(&key.owner)?.get_mut(&key.id)
    }
}

fn in_use() -> McpError {
    McpError::public(code::INVALID_REQUEST, "`id` is in use")
}
