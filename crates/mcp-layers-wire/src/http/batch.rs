//! Batches of protocol version 2025-03-26.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{
    future::{BoxFuture, join_all},
    stream,
};
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use mcp_layers_core::{McpError, code};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::{
    begin::Edge,
    body::WireBody,
    call::{Call, Piece, ToClient},
    calls::Outcome,
    exchange::answer,
    owner::Owner,
    reply::{empty, of_layer, refusal},
    screen::PROTOCOL_VERSION,
    sse::Event,
};
use crate::{
    encode,
    message::{Kind, Message},
};

/// The only version that has batches; the one of a client that does not state any.
const VERSION: &str = "2025-03-26";

/// The most messages in a batch.
const MAX_MESSAGES: usize = 100;

/// Returns true for a JSON array.
pub(super) fn is_batch(bytes: &Bytes) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'[')
}

/// Sends each message of a batch on its way, and answers with one batch.
pub(super) async fn split(edge: &Edge, head: Parts, bytes: Bytes) -> Response<WireBody> {
    let messages = match messages(edge, &head, &bytes) {
        Ok(messages) => messages,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, "null", &error),
    };
    let (pieces, from_server) = mpsc::channel(1);
    let (mut calls, mut running, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for message in messages {
        let message = match message {
            Ok(message) => message,
            Err(error) => {
                answers.push(encode::error("null", &error));
                continue;
            }
        };
        let Kind::Request { id, method } = message.kind.clone() else {
            edge.forward(&head, message).await;
            continue;
        };
        let to_client = ToClient {
            pieces: pieces.clone(),
            parks: false,
        };
        let raw_id = message.id().to_owned();
        let begun = match &*method {
            // The protocol forbids it in a batch.
            "initialize" => Err(invalid("`initialize` in a batch")),
            method => edge.begin(&head, (id, method), message, to_client),
        };
        match begun {
            Ok((call, response)) => {
                calls.push(call.clone());
                running.push(async move {
                    let response = response.await;
                    answer(&call, &call.take_latest(), &response)
                });
            }
            Err(error) => answers.push(encode::error(&raw_id, &error)),
        }
    }
    drop(pieces);
    if calls.is_empty() && answers.is_empty() {
        return empty(StatusCode::ACCEPTED);
    }
    let batch = Batch {
        calls,
        running: Box::pin(join_all(running)),
        answers,
        from_server,
        is_done: false,
    };
    batch.respond(&head).await
}

/// The messages of a batch. A broken one is an error of its own.
fn messages(
    edge: &Edge,
    head: &Parts,
    bytes: &Bytes,
) -> Result<Vec<Result<Message, McpError>>, McpError> {
    let owner = Owner::of(&head.headers, &head.extensions);
    let session = owner.and_then(|owner| edge.shared.sessions.get(&owner));
    let agreed = session.and_then(|session| session.version);
    let stated = head.headers.get(PROTOCOL_VERSION);
    let stated = stated.map(|version| version.to_str().unwrap_or_default());
    if agreed.as_deref().or(stated).unwrap_or(VERSION) != VERSION {
        return Err(invalid("Batches are not part of this protocol version"));
    }
    let raw: Vec<&RawValue> = serde_json::from_slice(bytes)
        .map_err(|_| McpError::public(code::PARSE_ERROR, "Parse error"))?;
    if raw.is_empty() || raw.len() > MAX_MESSAGES {
        return Err(invalid("Batch is empty or has too many messages"));
    }
    let parts = raw.iter().map(|raw| bytes.slice_ref(raw.get().as_bytes()));
    Ok(parts.map(Message::parse).collect())
}

/// A batch in the layers.
struct Batch {
    calls: Vec<Arc<Call>>,
    running: BoxFuture<'static, Vec<Outcome>>,
    answers: Vec<Bytes>,
    from_server: mpsc::Receiver<Piece>,
    is_done: bool,
}

impl Batch {
    async fn respond(mut self, head: &Parts) -> Response<WireBody> {
        // The head of the first stream, if there is one.
        if self.next_piece().await.is_none() {
            return of_layer(&head.headers, array(&self.answers));
        }
        let events = stream::unfold(self, |mut batch| async move {
            let event = batch.next_event().await?;
            Some((event, batch))
        });
        let mut response = Response::new(WireBody::stream(events));
        let kind = HeaderValue::from_static("text/event-stream");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }

    /// The next piece before the answers. `None` when all are there.
    async fn next_piece(&mut self) -> Option<Piece> {
        tokio::select! {
            biased;
            Some(piece) = self.from_server.recv() => Some(piece),
            answers = &mut self.running => {
                self.answers.extend(answers.into_iter().flatten());
                self.is_done = true;
                None
            }
        }
    }

    async fn next_event(&mut self) -> Option<Bytes> {
        while !self.is_done {
            match self.next_piece().await {
                Some(Piece::Event(event)) => return Some(event),
                Some(Piece::Head(_) | Piece::Ended) => {}
                None => return Some(Event::of_message(&array(&self.answers))),
            }
        }
        None
    }
}

/// If the client leaves, no call is cancelled.
impl Drop for Batch {
    fn drop(&mut self) {
        for call in &self.calls {
            call.set_dropped();
        }
    }
}

fn array(answers: &[Bytes]) -> Bytes {
    let mut out = vec![b'['];
    for (index, answer) in answers.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(answer);
    }
    out.push(b']');
    out.into()
}

fn invalid(message: &'static str) -> McpError {
    McpError::public(code::INVALID_REQUEST, message)
}
