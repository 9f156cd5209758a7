//! The HTTP response of a call that is no stream, and of what is refused.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, response::Parts};
use mcp_layers_core::{JsonRpcResponse, McpError};

use super::{
    body::WireBody,
    call::{Body, Call, Latest},
    exchange::answer,
    sse::Event,
};
use crate::encode;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// The response of a call: the server's, as far as no layer changed it.
pub(super) fn reply(
    call: &Call,
    mut latest: Latest,
    response: &JsonRpcResponse,
) -> Response<WireBody> {
    let head = latest.head.take();
    let message = answer(call, &latest, response);
    let Some(message) = message else {
        // HTTP needs a response, even to a call that gets no answer.
        let cancelled = encode::error(call.sent.message.id(), &McpError::cancelled());
        return of_layer(&call.head.headers, cancelled);
    };
    match (head, latest.body) {
        (Some(head), Some(Body::Failure(bytes, was))) if is_same(&was, response) => {
            with_head(head, bytes)
        }
        (Some(head), Some(Body::Answer(given))) if has_same_code(&given.response, response) => {
            with_head(head, message)
        }
        (Some(mut head), Some(Body::Failure(_, was))) if has_same_code(&was, response) => {
            head.headers.insert(header::CONTENT_TYPE, JSON);
            with_head(head, message)
        }
        _ => of_layer(&call.head.headers, message),
    }
}

/// An error for a message that goes no further.
pub(super) fn refusal(status: StatusCode, id: &str, error: &McpError) -> Response<WireBody> {
    tracing::warn!(%error, "refused a message of the client");
    json(status, encode::error(id, error))
}

/// A response with JSON.
pub(super) fn json(status: StatusCode, message: Bytes) -> Response<WireBody> {
    let mut reply = Response::new(WireBody::full(message));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, JSON);
    reply
}

/// A response without a body.
pub(super) fn empty(status: StatusCode) -> Response<WireBody> {
    let mut reply = Response::new(WireBody::full(Bytes::new()));
    *reply.status_mut() = status;
    reply
}

/// A response of a layer: JSON, or an event if the client accepts nothing else.
pub(super) fn of_layer(request: &HeaderMap, message: Bytes) -> Response<WireBody> {
    if accepts_json(request) {
        return json(StatusCode::OK, message);
    }
    let mut reply = Response::new(WireBody::full(Event::of_message(&message)));
    reply.headers_mut().insert(header::CONTENT_TYPE, EVENTS);
    reply
}

fn accepts_json(request: &HeaderMap) -> bool {
    let accept: Vec<_> = request.get_all(header::ACCEPT).iter().collect();
    let names = |kind: &str| {
        let texts = accept.iter().filter_map(|value| value.to_str().ok());
        texts.flat_map(|text| text.split(',')).any(|one| {
            let one = one.split(';').next().unwrap_or_default();
            one.trim().eq_ignore_ascii_case(kind)
        })
    };
    ["application/json", "application/*", "*/*"]
        .into_iter()
        .any(names)
        || !names("text/event-stream")
}

fn with_head(head: Parts, message: Bytes) -> Response<WireBody> {
    with_body(head, WireBody::full(message))
}

/// A response of the server with another body.
pub(super) fn with_body(mut head: Parts, body: WireBody) -> Response<WireBody> {
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.remove(header::TRANSFER_ENCODING);
    Response::from_parts(head, body)
}

fn is_same(was: &JsonRpcResponse, now: &JsonRpcResponse) -> bool {
    match (was.result(), now.result()) {
        (Err(was), Err(now)) => {
            was.code == now.code && was.message == now.message && was.data == now.data
        }
        _ => false,
    }
}

/// Returns true if the server's status fits the response: both succeeded, or failed with one code.
fn has_same_code(was: &JsonRpcResponse, now: &JsonRpcResponse) -> bool {
    let code = |response: &JsonRpcResponse| response.result().err().map(|error| error.code);
    code(was) == code(now)
}
