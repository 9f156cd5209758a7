//! Values of the request in the message of a validation error.

use std::{borrow::Cow, sync::LazyLock};

use mcp_layers_core::McpError;
use regex::Regex;
use serde_json::{Value, json};

/// Quoted values, and those that serde was given; what it expected stays.
static ECHOED: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r#""(?:[^"\\]|\\.)*"?"#,
        r"|(?P<given>(?:invalid (?:type|value): [a-z ]{1,40}|unknown (?:variant|field) )`)[^`]*`?",
    );
    Regex::new(pattern).unwrap_or_else(|error| unreachable!("a pattern of this crate: {error}"))
});

/// Hides the values of the request that the error repeats: quoted ones in its message, and its data
/// except `uri`, which the protocol asks for.
pub(crate) fn hide(error: &mut McpError) {
    let message = ECHOED.replace_all(&error.message, |found: &regex::Captures<'_>| {
        match found.name("given") {
            Some(given) => format!("{}…`", given.as_str()),
            None => "\"…\"".to_owned(),
        }
    });
    if let Cow::Owned(message) = message {
        error.message = message.into();
    }
    if let Some(data) = error.data.take() {
        let uri = match data {
            Value::Object(mut map) => map.remove("uri"),
            _ => None,
        };
        error.data = uri.map(|uri| json!({ "uri": uri }));
    }
}

#[cfg(test)]
#[path = "../tests/unit/validation.rs"]
mod tests;
