//! The calls, attempts and questions in flight on one connection.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use mcp_layers_core::{
    McpError, code,
    progress::{InputWait, Progress, Waiting},
};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{error::WireError, id::Id, message::Message};

/// An answer of the server. Until the guard is dropped, what the server sent after it is held back.
pub(super) type Answer = Result<(Message, DropGuard), WireError>;

/// The calls of the client, and what the server has of them.
pub(super) struct Table {
    max_calls: usize,
    max_bytes: usize,
    /// Cancelled when the server is gone.
    pub(super) gone: CancellationToken,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By the client's ids.
    calls: HashMap<Id, Call>,
    bytes: usize,
    /// By the ids that the server got.
    attempts: HashMap<Id, Attempt>,
    /// The number of ids that were made here.
    made: u64,
    /// Requests of the server that the client has not answered, with the waits of the calls.
    questions: HashMap<Id, Vec<Waiting>>,
}

struct Call {
    token: CancellationToken,
    bytes: usize,
    /// The protocol forbids to cancel `initialize`.
    cancellable: bool,
    /// True until the call is answered or its client cancels it.
    owes_answer: bool,
}

/// One sending of a call to the server.
pub(super) struct Attempt {
    /// The client's id of the call.
    pub(super) call: Id,
    pub(super) answer: oneshot::Sender<Answer>,
    pub(super) progress: Option<(Value, Progress)>,
    pub(super) input_wait: Option<InputWait>,
}

impl Table {
    pub(super) fn new(max_calls: usize, max_bytes: usize) -> Self {
        Self {
            max_calls,
            max_bytes,
            gone: CancellationToken::new(),
            state: Mutex::default(),
        }
    }

    /// Registers a call of the client.
    ///
    /// # Errors
    /// 503 if too much is in flight, -32600 if the id is in use.
    pub(super) fn begin(
        &self,
        id: &Id,
        bytes: usize,
        cancellable: bool,
    ) -> Result<CancellationToken, McpError> {
        let mut state = self.lock();
        if state.calls.contains_key(id) || state.attempts.contains_key(id) {
            return Err(McpError::public(code::INVALID_REQUEST, "`id` is in use"));
        }
        if state.calls.len() >= self.max_calls || state.bytes + bytes > self.max_bytes {
            return Err(McpError::unavailable());
        }
        let token = CancellationToken::new();
        state.bytes += bytes;
        let call = Call {
            token: token.clone(),
            bytes,
            cancellable,
            owes_answer: true,
        };
        state.calls.insert(id.clone(), call);
        Ok(token)
    }

    /// Returns true if the client waits for the answer to a call, which it now gets.
    pub(super) fn answer(&self, id: &Id) -> bool {
        let mut state = self.lock();
        let call = state.calls.get_mut(id);
        call.is_some_and(|call| std::mem::take(&mut call.owes_answer))
    }

    /// The ids of all calls.
    pub(super) fn ids(&self) -> Vec<Id> {
        self.lock().calls.keys().cloned().collect()
    }

    /// Forgets a call.
    pub(super) fn end(&self, id: &Id) {
        let mut state = self.lock();
        if let Some(call) = state.calls.remove(id) {
            state.bytes -= call.bytes;
        }
    }

    /// An id that is not in use.
    pub(super) fn make_id(&self) -> Id {
        let mut state = self.lock();
        loop {
            state.made += 1;
            let id = Id::Small(format!("mcp-layers-{}", state.made).as_str().into());
            if !state.calls.contains_key(&id) {
                return id;
            }
        }
    }

    /// Registers an attempt, and sends it by `send`. It cannot be cancelled before it is sent.
    pub(super) fn attempt(
        &self,
        id: &Id,
        attempt: Attempt,
        send: impl FnOnce() -> bool,
    ) -> Result<(), WireError> {
        let mut state = self.lock();
        if self.gone.is_cancelled() || !send() {
            return Err(WireError::ServerGone);
        }
        state.attempts.insert(id.clone(), attempt);
        Ok(())
    }

    /// Takes an attempt that ends. `None` if it has ended already.
    pub(super) fn take(&self, id: &Id) -> Option<Attempt> {
        self.lock().attempts.remove(id)
    }

    /// Abandons an attempt; if the server still has it, `tell` tells it.
    pub(super) fn abandon(&self, id: &Id, tell: impl FnOnce()) {
        if self.lock().attempts.remove(id).is_some() {
            tell();
        }
    }

    /// Cancels a call, and its attempts at the server by `tell`. Returns false if there is no such
    /// call, or none that can be cancelled. A call that its client cancels gets no answer.
    pub(super) fn cancel(&self, id: &Id, by_client: bool, mut tell: impl FnMut(&Id)) -> bool {
        let mut state = self.lock();
        let call = state.calls.get_mut(id);
        let Some(call) = call.filter(|call| call.cancellable) else {
            return false;
        };
        call.owes_answer &= !by_client;
        call.token.cancel();
        state.attempts.retain(|at_server, attempt| {
            let other = attempt.call != *id;
            if !other {
                tell(at_server);
            }
            other
        });
        true
    }

    /// Fails all attempts, now and later.
    pub(super) fn server_gone(&self) {
        let mut state = self.lock();
        self.gone.cancel();
        state.attempts.clear();
        state.questions.clear();
    }

    /// Records progress of the calls with this token.
    pub(super) fn progress(&self, token: &Value) {
        let state = self.lock();
        let watches = state
            .attempts
            .values()
            .filter_map(|attempt| attempt.progress.as_ref());
        for (_, progress) in watches.filter(|(of, _)| of == token) {
            progress.report();
        }
    }

    /// A request of the server to the client. On a pipe it does not state to which call it belongs, so
    /// all calls wait for the client.
    pub(super) fn ask(&self, id: &Id) {
        let mut state = self.lock();
        if state.questions.len() < self.max_calls {
            let waits = state
                .attempts
                .values()
                .filter_map(|attempt| attempt.input_wait.as_ref());
            let waits = waits.map(InputWait::begin).collect();
            state.questions.insert(id.clone(), waits);
        }
    }

    /// The end of a request of the server: answered, or withdrawn.
    pub(super) fn asked(&self, id: &Id) {
        let ended = self.lock().questions.remove(id);
        drop(ended);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
