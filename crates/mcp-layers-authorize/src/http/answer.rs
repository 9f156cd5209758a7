//! The answers of the edge.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use http_body_util::{Either, Full};
use mcp_layers_core::{
    Event, JsonRpcRequest, McpError, McpResponse, Trail,
    adapter::json_result,
    code,
    http::{BearerError, Challenge},
    json_rpc::ParseError,
};
use serde_json::{Value, json};

use crate::{
    rejection::{Reason, Rejection},
    state::Guard,
};

/// A response of the inner service, or one of the edge.
pub(super) type Answer<R> = Response<Either<R, Full<Bytes>>>;

/// 401: no verified principal.
pub(super) fn unauthenticated<R>(challenge: &Challenge) -> Answer<R> {
    let error = McpError::unauthenticated();
    let mut answer = without_id(StatusCode::UNAUTHORIZED, &error, "no principal");
    let header = challenge.to_header_value();
    answer.headers_mut().insert(WWW_AUTHENTICATE, header);
    answer
}

/// 413 or 400: a body above the limit, or one that ended with an error.
pub(super) fn unreadable<R>(status: StatusCode) -> Answer<R> {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return without_id(status, &McpError::too_large(), "body too large");
    }
    let error = McpError::public(400, "The body could not be read");
    without_id(status, &error, "body broken")
}

/// 400: a message that has a member twice.
pub(super) fn duplicate_member<R>() -> Answer<R> {
    let error = McpError::public(code::INVALID_REQUEST, "Invalid Request: duplicate member");
    without_id(StatusCode::BAD_REQUEST, &error, "duplicate member")
}

/// 400: a body that is not a message.
pub(super) fn not_a_message<R>(error: &ParseError) -> Answer<R> {
    let mut answer = json_answer(StatusCode::BAD_REQUEST, &error.to_value());
    record(&mut answer, "not a message");
    answer
}

/// The answer to a rejected request. A challenge is added where scopes would help.
pub(super) fn rejected<R>(
    rejection: Rejection,
    guard: &Guard,
    request: &JsonRpcRequest,
    challenge: &Challenge,
) -> Answer<R> {
    let (status, challenge) = match &rejection.reason {
        Reason::NoPrincipal => (StatusCode::UNAUTHORIZED, Some(challenge.clone())),
        Reason::ForeignSession => (StatusCode::FORBIDDEN, None),
        Reason::Hidden(_) | Reason::ForeignState => (StatusCode::OK, None),
        Reason::Denied(denial) => {
            let helps = denial.missing_scopes().len() > 0;
            let challenge = challenge.clone().with_error(BearerError::InsufficientScope);
            let scopes = denial.required_scopes().chain(denial.missing_scopes());
            // Scopes that cannot be written are left out: those of a closure are not checked.
            let scoped = challenge.clone().with_scopes(scopes).unwrap_or(challenge);
            (StatusCode::FORBIDDEN, helps.then_some(scoped))
        }
    };
    let rule = rejection.reason.rule();
    let mut response = rejection.refuse(guard, request);
    let trail = std::mem::take(response.trail_mut());
    let mut answer = json_answer(status, &Value::from(&response));
    if let Some(challenge) = challenge {
        let header = challenge.to_header_value();
        answer.headers_mut().insert(WWW_AUTHENTICATE, header);
    }
    log(status, &rule);
    answer.extensions_mut().insert(trail);
    answer.extensions_mut().insert(request.clone());
    answer
}

/// Puts a denial into the response's extensions, where an outer layer finds it, and logs it.
pub(super) fn record<R>(answer: &mut Answer<R>, rule: &'static str) {
    let extensions = answer.extensions_mut();
    let trail = extensions.get_or_insert_default::<Trail>();
    trail.push(Event::Denied { rule: rule.into() });
    log(answer.status(), rule);
}

fn log(status: StatusCode, rule: &str) {
    tracing::debug!(status = status.as_u16(), %rule, "request refused at the HTTP edge");
}

fn without_id<R>(status: StatusCode, error: &McpError, rule: &'static str) -> Answer<R> {
    let error = json_result::write_error(error);
    let message = json!({ "jsonrpc": "2.0", "id": null, "error": error });
    let mut answer = json_answer(status, &message);
    record(&mut answer, rule);
    answer
}

fn json_answer<R>(status: StatusCode, message: &Value) -> Answer<R> {
    let mut answer = Response::new(Either::Right(Full::from(message.to_string())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
