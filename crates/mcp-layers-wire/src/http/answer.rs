//! The answer of the server: a message, the last event of a stream, or a failure of HTTP.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, header, response::Parts};
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpRequest, Method};
use tokio::sync::oneshot;

use super::{
    body::{ReadError, WireBody},
    call::{Body, Call, Latest, Piece},
    content::{Content, notice, progress_token},
    events::{Events, Next},
    failure,
    sse::Event,
};
use crate::{
    error::WireError,
    id::Id,
    message::{Kind, Message},
    sketch::Sketch,
    splice::Given,
};

/// Reads the server's answer to `request`, which it got under `id`.
pub(super) async fn read_answer(
    call: &Arc<Call>,
    request: &JsonRpcRequest,
    id: &Id,
    response: Response<WireBody>,
) -> Result<JsonRpcResponse, WireError> {
    let (head, body) = response.into_parts();
    let reader = Reader {
        call,
        request,
        id,
        is_own: call.sent.is(request),
    };
    if reader.is_own {
        call.read_head(&head);
    }
    if head.status.is_success() && is_stream(&head.headers) {
        reader.stream(head, body).await
    } else {
        reader.whole(head, body).await
    }
}

/// Returns true for a stream of events.
pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("text/event-stream")
}

struct Reader<'a> {
    call: &'a Arc<Call>,
    request: &'a JsonRpcRequest,
    id: &'a Id,
    /// False for a request that a layer made: the client learns nothing of it.
    is_own: bool,
}

impl Reader<'_> {
    /// Reads an answer that is no stream.
    async fn whole(&self, head: Parts, body: WireBody) -> Result<JsonRpcResponse, WireError> {
        let bytes = body.read(self.call.shared.settings.max_body).await;
        let bytes = bytes.map_err(|error| match error {
            ReadError::TooLong => WireError::TooLong,
            ReadError::Broken(error) => {
                tracing::warn!(%error, "an answer of the server has broken");
                WireError::ServerGone
            }
        })?;
        let body = match Message::parse(bytes.clone()) {
            Ok(message) if matches!(message.kind, Kind::Answer { .. }) => {
                Body::Answer(self.given(message)?)
            }
            _ if head.status.is_success() || is_like_a_message(&bytes) => {
                return Err(WireError::Unreadable);
            }
            _ => {
                let error = JsonRpcResponse::error(self.request, failure::error(&head));
                Body::Failure(bytes, error)
            }
        };
        let response = body.response().clone();
        self.keep(Latest {
            head: Some(head),
            body: Some(body),
            ..Latest::default()
        });
        Ok(response)
    }

    /// Reads a stream up to the answer. What comes before passes at once.
    async fn stream(&self, head: Parts, body: WireBody) -> Result<JsonRpcResponse, WireError> {
        if self.is_own {
            self.call.send(Piece::Head(Box::new(head))).await;
        }
        let mut events = Events::new(body, self.call.shared.settings.max_event);
        let mut elsewhere = Elsewhere::open(self);
        loop {
            let next = tokio::select! {
                biased;
                () = elsewhere.begins() => break,
                next = events.next() => next,
            };
            let event = match next {
                Next::Event(event) => event,
                Next::TooLong => return Err(WireError::TooLong),
                // A subscription ends with its stream.
                Next::End if elsewhere.is_resumable || self.request.method() == Method::Listen => {
                    self.call.send(Piece::Ended).await;
                    break;
                }
                Next::End => return Err(WireError::ServerGone),
            };
            match Content::of(&event) {
                Content::Answer(message) if !self.is_answer(&message) => {
                    // The answer to something else must not pass the layers.
                    tracing::debug!(id = message.id(), "dropped an answer to no call");
                    continue;
                }
                Content::Answer(message) => {
                    elsewhere.see(&event);
                    let given = self.given(message)?;
                    let response = given.response.clone();
                    self.keep(Latest {
                        body: Some(Body::Answer(given)),
                        event: Some(event),
                        rest: Some(events),
                        ..Latest::default()
                    });
                    return Ok(response);
                }
                Content::Unreadable => return Err(WireError::Unreadable),
                Content::Noise => continue,
                Content::Message(message) => self.notice(&message),
                Content::Nothing => {}
            }
            if self.is_own {
                elsewhere.see(&event);
                tokio::select! {
                    biased;
                    () = elsewhere.begins() => break,
                    () = self.call.send(Piece::Event(event.pass())) => {}
                }
            }
        }
        // The server sees the same end of the connection as without this layer.
        drop(events);
        let given = self.given(elsewhere.answer().await?)?;
        let response = given.response.clone();
        self.keep(Latest {
            body: Some(Body::Answer(given)),
            ..Latest::default()
        });
        Ok(response)
    }

    /// Returns true for an answer under this id. An error without an id on the way of the call is its
    /// answer too: the server could not read the id.
    fn is_answer(&self, message: &Message) -> bool {
        match &message.kind {
            Kind::Answer { id: Some(id), .. } => id == self.id,
            Kind::Answer { id: None, failed } => *failed,
            _ => false,
        }
    }

    fn given(&self, message: Message) -> Result<Given, WireError> {
        let given = self.is_answer(&message).then_some(message);
        given
            .and_then(|message| Given::read(self.request, message))
            .ok_or(WireError::Unreadable)
    }

    fn keep(&self, latest: Latest) {
        if self.is_own {
            self.call.set_latest(|kept| *kept = latest);
        }
    }

    fn notice(&self, message: &Message) {
        if let Some(key) = &self.call.key
            && self.is_own
        {
            notice(message, &self.call.shared.calls, &key.owner, Some(&key.id));
        }
        if let Some(progress) = self.request.context().progress()
            && progress_token(message).as_ref() == self.request.progress_token()
        {
            progress.report();
        }
    }
}

/// Returns true for bytes that a lenient client could take for a JSON-RPC message.
fn is_like_a_message(bytes: &Bytes) -> bool {
    let is_json = bytes.trim_ascii_start().starts_with(b"{");
    let names_it = || memchr::memmem::find(bytes, b"jsonrpc").is_some();
    is_json && (names_it() || Sketch::of(bytes).id().is_some())
}

impl Body {
    fn response(&self) -> &JsonRpcResponse {
        match self {
            Self::Answer(given) => &given.response,
            Self::Failure(_, response) => response,
        }
    }
}

/// The answer of a stream that comes on another one.
struct Elsewhere<'a> {
    reader: &'a Reader<'a>,
    answer: Option<oneshot::Receiver<Message>>,
    found: Option<Message>,
    /// The client can resume the stream, since it got the id of an event.
    is_resumable: bool,
    /// The client had left before this attempt began.
    has_left: bool,
}

impl<'a> Elsewhere<'a> {
    fn open(reader: &'a Reader<'a>) -> Self {
        let call = reader.call;
        let key = call.key.as_ref();
        let key = key.filter(|_| reader.is_own && call.parks);
        let answer = key.map(|key| {
            let calls = &call.shared.calls;
            calls.open_stream(key, reader.id, call.outcome.subscribe())
        });
        Self {
            reader,
            answer,
            found: None,
            is_resumable: false,
            has_left: call.left.is_cancelled(),
        }
    }

    /// Notes an event that goes to the client.
    fn see(&mut self, event: &Event) {
        let Some(id) = &event.id else { return };
        let call = self.reader.call;
        if let (Some(key), true) = (&call.key, self.answer.is_some()) {
            // A copy: the id alone would hold the whole event.
            let id = Bytes::copy_from_slice(id);
            call.shared.calls.see_event(key, self.reader.id, id);
            if !self.is_resumable {
                self.is_resumable = true;
                call.set_resumable(self.reader.id);
            }
        }
    }

    /// Waits until the answer has come elsewhere, or can come only there.
    async fn begins(&mut self) {
        let left = async {
            match self.has_left {
                false => self.reader.call.left.cancelled().await,
                true => std::future::pending().await,
            }
        };
        let found = async {
            match &mut self.answer {
                Some(answer) => answer.await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            found = found => self.found = found,
            () = left => {}
        }
    }

    async fn answer(&mut self) -> Result<Message, WireError> {
        if let Some(found) = self.found.take() {
            return Ok(found);
        }
        match &mut self.answer {
            Some(answer) => answer.await.map_err(|_| WireError::ServerGone),
            None => Err(WireError::ServerGone),
        }
    }
}

impl Drop for Elsewhere<'_> {
    fn drop(&mut self) {
        if let (Some(key), false) = (&self.reader.call.key, self.is_resumable)
            && self.answer.is_some()
        {
            let calls = &self.reader.call.shared.calls;
            calls.close_stream(&key.owner, self.reader.id, None);
        }
    }
}
