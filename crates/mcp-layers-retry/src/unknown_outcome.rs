//! Errors of calls that may have taken effect.

use mcp_layers_core::{McpError, McpResponse, code};
use serde_json::Value;

const TEXT: &str =
    "the outcome is unknown, the call may have taken effect: check before you repeat it";

/// The same error with the outcome in it: `data.outcome` is `unknown`, unless the server reported an
/// outcome. Data that is no object is kept as `data.data`. Returns whether the outcome is unknown.
pub(crate) fn mark<R: McpResponse>(response: R, to: R::ReplyTo) -> (R, bool) {
    let trail = response.trail().clone();
    let mut error = match response.into_error() {
        Ok(error) => error,
        Err(response) => return (response, false),
    };
    let mut is_unknown = true;
    match error.data.take() {
        Some(Value::Object(data)) if data.contains_key("outcome") => {
            is_unknown = false;
            error.data = Some(Value::Object(data));
        }
        data => {
            error = match data {
                None | Some(Value::Object(_)) => error.with_data(data),
                Some(other) => error.with("data", other),
            };
            error = error.with("outcome", "unknown");
            error.message = format!("{} ({TEXT})", error.message).into();
        }
    }
    let mut marked = R::from_error(to, error);
    *marked.trail_mut() = trail;
    (marked, is_unknown)
}

/// The error of a call whose service failed without an answer.
pub(crate) fn failed<R: McpResponse>(to: R::ReplyTo) -> R {
    let error = McpError::public(code::INTERNAL_ERROR, format!("No answer came ({TEXT})"));
    R::from_error(to, error.with("outcome", "unknown"))
}
