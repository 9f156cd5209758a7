//! The answers that the edge gives by itself.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use http_body_util::{Either, Full};
use mcp_layers_core::{
    Event, JsonRpcRequest, McpError, McpResponse, ParseError, Trail, json_result,
};
use serde_json::{Value, json};

use crate::{
    BearerError, Challenge,
    authorize::{Refusal, What},
};

pub(super) type Answer<R> = Response<Either<R, Full<Bytes>>>;

/// Nobody is known.
pub(super) fn unauthenticated<R>(challenge: &Challenge) -> Answer<R> {
    let error = McpError::unauthenticated();
    let mut answer = without_id(StatusCode::UNAUTHORIZED, &error);
    let header = challenge.to_header_value();
    answer.headers_mut().insert(WWW_AUTHENTICATE, header);
    denied_by(&mut answer, "no principal");
    answer
}

/// The body is longer than it may be.
pub(super) fn too_large<R>() -> Answer<R> {
    without_id(StatusCode::PAYLOAD_TOO_LARGE, &McpError::too_large())
}

/// The body ended in the middle.
pub(super) fn broken<R>() -> Answer<R> {
    let error = McpError::public(400, "The body could not be read");
    without_id(StatusCode::BAD_REQUEST, &error)
}

/// The body is no message.
pub(super) fn no_message<R>(error: &ParseError) -> Answer<R> {
    json_answer(StatusCode::BAD_REQUEST, &error.to_value())
}

/// What an unknown session gets.
pub(super) fn no_session<R>(rule: &'static str) -> Answer<R> {
    let error = McpError::public(404, "Session not found");
    let mut answer = without_id(StatusCode::NOT_FOUND, &error);
    denied_by(&mut answer, rule);
    answer
}

/// What the policy refuses.
pub(super) fn refused<R>(
    refusal: Refusal,
    request: &JsonRpcRequest,
    challenge: &Challenge,
) -> Answer<R> {
    let (status, challenge) = match &refusal.what {
        What::NoPrincipal => (StatusCode::UNAUTHORIZED, Some(challenge.clone())),
        What::Forbidden => (StatusCode::FORBIDDEN, None),
        What::Unknown => (StatusCode::OK, None),
        What::Denied(denial) => {
            let helps = denial.missing_scopes().len() > 0;
            let challenge = challenge.clone().with_error(BearerError::InsufficientScope);
            let scopes = denial.required_scopes().chain(denial.missing_scopes());
            // Scopes that cannot be written are left out: those of a closure are not checked.
            let scoped = challenge.clone().with_scopes(scopes).unwrap_or(challenge);
            (StatusCode::FORBIDDEN, helps.then_some(scoped))
        }
    };
    let mut response = refusal.response(request, false);
    let trail = std::mem::take(response.trail_mut());
    let mut answer = json_answer(status, &Value::from(&response));
    if let Some(challenge) = challenge {
        let header = challenge.to_header_value();
        answer.headers_mut().insert(WWW_AUTHENTICATE, header);
    }
    answer.extensions_mut().insert(trail);
    answer
}

fn denied_by<R>(answer: &mut Answer<R>, rule: &'static str) {
    let mut trail = Trail::new();
    trail.push(Event::Denied { rule: rule.into() });
    answer.extensions_mut().insert(trail);
}

fn without_id<R>(status: StatusCode, error: &McpError) -> Answer<R> {
    let error = json_result::write_error(error);
    json_answer(
        status,
        &json!({ "jsonrpc": "2.0", "id": null, "error": error }),
    )
}

fn json_answer<R>(status: StatusCode, message: &Value) -> Answer<R> {
    let mut answer = Response::new(Either::Right(Full::from(message.to_string())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
