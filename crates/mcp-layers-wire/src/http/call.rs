//! One call of a client, on its way through the layers.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use http::{request, response};
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpRequest, Method};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    calls::{CallKey, Outcome},
    events::Events,
    owner::Owner,
    shared::Shared,
    sse::Event,
    upstream::Upstream,
};
use crate::{
    encode,
    id::Id,
    session::Session,
    splice::{Given, Sent},
};

/// A call in the bytes of the client. It travels in the request's extensions, from the edge to the
/// innermost service.
pub(super) struct Call {
    pub(super) shared: Arc<Shared>,
    pub(super) upstream: Upstream,
    /// The head of the client's HTTP request.
    pub(super) head: request::Parts,
    pub(super) sent: Sent,
    /// The key of a call in a legacy session.
    pub(super) key: Option<CallKey>,
    /// The way to the client for the innermost service, past the layers.
    pub(super) pieces: mpsc::Sender<Piece>,
    /// The end of the call, for other streams on which its answer comes.
    pub(super) outcome: watch::Sender<Option<Outcome>>,
    /// The client has lost its connection.
    pub(super) left: CancellationToken,
    /// Set when the call is dropped because the client has left.
    is_dropped: AtomicBool,
    /// The client can come back for the answer.
    pub(super) parks: bool,
    is_sent: AtomicBool,
    has_ended: AtomicBool,
    state: Mutex<State>,
}

/// The way of a call back to its client.
pub(super) struct ToClient {
    pub(super) pieces: mpsc::Sender<Piece>,
    pub(super) parks: bool,
}

/// A part of the response before the answer.
pub(super) enum Piece {
    /// The head of the first response that is a stream.
    Head(Box<response::Parts>),
    /// An event other than the answer, in its bytes.
    Event(Bytes),
    /// The server ended the stream; the answer comes on another.
    Ended,
}

/// The result of the latest attempt.
#[derive(Default)]
pub(super) struct Latest {
    /// The head of an answer that is no stream.
    pub(super) head: Option<response::Parts>,
    pub(super) body: Option<Body>,
    /// The event of an answer in a stream.
    pub(super) event: Option<Event>,
    /// The stream after the answer.
    pub(super) rest: Option<Events>,
}

/// The answer of the server.
pub(super) enum Body {
    Answer(Given),
    /// A failure of HTTP without a JSON-RPC message, and the response that stands for it.
    Failure(Bytes, JsonRpcResponse),
}

#[derive(Default)]
struct State {
    latest: Latest,
    session: Option<Owner>,
    /// The streams whose answer may come again, by the ids that the server got.
    resumable: Vec<Id>,
}

impl Call {
    pub(super) fn new(
        (shared, upstream): (Arc<Shared>, Upstream),
        head: request::Parts,
        sent: Sent,
        key: Option<CallKey>,
        to_client: ToClient,
    ) -> Self {
        Self {
            shared,
            upstream,
            head,
            sent,
            key,
            pieces: to_client.pieces,
            parks: to_client.parks,
            outcome: watch::Sender::new(None),
            left: CancellationToken::new(),
            is_dropped: AtomicBool::new(false),
            is_sent: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// Begins an attempt: what an earlier one brought is forgotten. The first attempt has the client's
    /// id, each later one an id of its own. Otherwise a late answer to the first could be taken for
    /// the answer to the second.
    pub(super) fn next_id(&self, request: &JsonRpcRequest) -> Id {
        if !self.sent.is(request) {
            return self.shared.make_id();
        }
        let before = std::mem::take(&mut self.lock().latest);
        drop(before);
        match self.is_sent.swap(true, Ordering::AcqRel) {
            false => self.sent.id.clone(),
            true => self.shared.make_id(),
        }
    }

    /// Sends to the client at once, if it is still there.
    pub(super) async fn send(&self, piece: Piece) {
        let _ = self.pieces.send(piece).await;
    }

    /// Changes what is known of the latest attempt.
    pub(super) fn set_latest(&self, set: impl FnOnce(&mut Latest)) {
        set(&mut self.lock().latest);
    }

    /// Takes what is known of the latest attempt.
    pub(super) fn take_latest(&self) -> Latest {
        std::mem::take(&mut self.lock().latest)
    }

    /// Reads the head of a response: `initialize` begins a session there.
    pub(super) fn read_head(&self, head: &response::Parts) {
        if self.sent.request.method() == Method::Initialize
            && let Some(id) = super::owner::session_id(&head.headers)
        {
            self.lock().session = Some(Owner::new(id, &self.head.extensions));
        }
    }

    /// Notes that the client can resume the stream of an attempt.
    pub(super) fn set_resumable(&self, id: &Id) {
        let mut state = self.lock();
        if !state.resumable.contains(id) {
            state.resumable.push(id.clone());
        }
    }

    /// Notes that the call is dropped because its client has left. That is no cancellation.
    pub(super) fn set_dropped(&self) {
        self.is_dropped.store(true, Ordering::Release);
    }

    /// Returns true if the call is dropped because its client has left.
    pub(super) fn is_dropped(&self) -> bool {
        self.is_dropped.load(Ordering::Acquire)
    }

    /// Returns true if the client can resume, on another stream, what it lost of this one.
    pub(super) fn is_resumable(&self) -> bool {
        !self.lock().resumable.is_empty()
    }

    /// The message for the client: in the server's bytes, except for what changed.
    pub(super) fn encode(&self, latest: &Latest, response: &JsonRpcResponse) -> Bytes {
        let id = self.sent.message.id();
        let spliced = match &latest.body {
            Some(Body::Answer(given)) => given.encode(response, id),
            _ => None,
        };
        spliced.unwrap_or_else(|| encode::response(id, response))
    }

    /// The end of a parked call by a layer: a client that resumes its stream gets the response.
    pub(super) fn announce(&self, response: &JsonRpcResponse) {
        let message = self.encode(&Latest::default(), response);
        self.outcome.send_replace(Some(Some(message)));
    }

    /// The end of the call: `answer` is what the client gets.
    pub(super) fn finish(&self, response: &JsonRpcResponse, answer: Outcome) {
        let owner = self.lock().session.take();
        if let (Some(owner), Ok(result)) = (owner, response.result()) {
            let session = Session::begin(&self.sent.request, result);
            let weight = self.sent.message.bytes.len();
            self.shared.sessions.begin(owner, session, weight);
        }
        self.end(answer.as_ref());
        self.outcome.send_replace(Some(answer));
    }

    /// Leaves the tables.
    fn end(&self, answer: Option<&Bytes>) {
        if let Some(key) = &self.key
            && !self.has_ended.swap(true, Ordering::AcqRel)
        {
            let resumable = std::mem::take(&mut self.lock().resumable);
            let calls = &self.shared.calls;
            for id in &resumable {
                calls.close_stream(&key.owner, id, answer.cloned());
            }
            calls.end(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(None);
    }
}
