//! What a caller who is refused gets to read.

use std::{borrow::Cow, time::Duration};

use mcp_layers_core::{Event, McpError, McpResponse};
use serde_json::json;

/// 429 with the rule and when to come back; as a tool's result, if that is asked for. Never the
/// key.
pub(crate) fn limited<R: McpResponse>(
    to: R::ReplyTo,
    rule: &str,
    retry_after: Duration,
    as_tool_error: bool,
) -> R {
    let error = McpError::rate_limited(retry_after).with("rule", rule);
    let mut response = if as_tool_error {
        let ms = error.retry_after().unwrap_or(retry_after).as_millis();
        R::from_tool_error(
            to,
            format!(
                "Too many requests: the limit `{rule}` is reached. Nothing was done. \
                 Try again in {ms} ms."
            ),
        )
    } else {
        R::from_error(to, error)
    };
    response.trail_mut().push(Event::Limited {
        rule: Cow::Owned(rule.to_owned()),
        retry_after,
    });
    response
}

/// 503: nobody can tell whether there is budget left.
pub(crate) fn unavailable<R: McpResponse>(to: R::ReplyTo, as_tool_error: bool) -> R {
    let mut response = if as_tool_error {
        let text =
            "The rate limit cannot be checked at the moment. Nothing was done. Try again later.";
        R::from_tool_error(to, text.to_owned())
    } else {
        R::from_error(
            to,
            McpError::unavailable().with("reason", "rate_limit_unavailable"),
        )
    };
    response.trail_mut().push(away(false));
    response
}

/// The store could not tell.
pub(crate) fn away(admitted: bool) -> Event {
    Event::Custom {
        layer: "rate_limit",
        name: "store_away",
        detail: Box::new(json!({ "admitted": admitted })),
    }
}
