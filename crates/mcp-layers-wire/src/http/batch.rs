//! Batches of protocol version 2025-03-26.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{
    StreamExt,
    future::join_all,
    stream::{self, BoxStream},
};
use http::{Response, StatusCode, header, request::Parts};
use mcp_layers_core::{McpError, code};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::{
    begin::Edge,
    body::WireBody,
    call::{Call, Piece, ToClient},
    exchange::{Running, answer},
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
    let (mut calls, mut answers) = (Calls::default(), Vec::new());
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
            Ok((call, running)) => calls.push(call, running),
            Err(error) => answers.push(encode::error(&raw_id, &error)),
        }
    }
    drop(pieces);
    if calls.running.is_empty() && answers.is_empty() {
        return empty(StatusCode::ACCEPTED);
    }
    respond(&head, calls, answers, from_server).await
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

/// The calls of a batch. If the client leaves, none of them is cancelled.
#[derive(Default)]
struct Calls {
    calls: Vec<Arc<Call>>,
    running: Vec<Running>,
}

impl Calls {
    fn push(&mut self, call: Arc<Call>, running: Running) {
        self.calls.push(call);
        self.running.push(running);
    }

    /// Runs all, and returns their answers.
    fn run(&mut self) -> impl Future<Output = Vec<Bytes>> + Send + use<> {
        let calls = self.calls.clone().into_iter();
        let running = std::mem::take(&mut self.running);
        let answers = calls.zip(running).map(|(call, running)| async move {
            let response = running.await;
            answer(&call, &call.take_latest(), &response)
        });
        let answers = join_all(answers.collect::<Vec<_>>());
        async move { answers.await.into_iter().flatten().collect() }
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        for call in &self.calls {
            call.set_dropped();
        }
    }
}

async fn respond(
    head: &Parts,
    mut calls: Calls,
    mut answers: Vec<Bytes>,
    mut from_server: mpsc::Receiver<Piece>,
) -> Response<WireBody> {
    let mut running = Box::pin(calls.run());
    let done = tokio::select! {
        biased;
        Some(_head) = from_server.recv() => None,
        done = &mut running => Some(done),
    };
    if let Some(done) = done {
        answers.extend(done);
        return of_layer(&head.headers, array(&answers));
    }
    let first: BoxStream<'static, Bytes> = Box::pin(stream::unfold(
        Some((running, answers, from_server, calls)),
        |state| async move {
            let (mut running, mut answers, mut from_server, calls) = state?;
            loop {
                tokio::select! {
                    biased;
                    Some(piece) = from_server.recv() => {
                        if let Piece::Event(event) = piece {
                            return Some((event, Some((running, answers, from_server, calls))));
                        }
                    }
                    done = &mut running => {
                        answers.extend(done);
                        return Some((Event::of_message(&array(&answers)), None));
                    }
                }
            }
        },
    ));
    let mut response = Response::new(WireBody::stream(first.boxed()));
    let kind = http::HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
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
