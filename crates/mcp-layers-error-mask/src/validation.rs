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
mod tests {
    use super::hide;
    use mcp_layers_core::{McpError, code};

    #[test]
    fn given_values_go_and_expected_ones_stay() {
        for (message, expected) in [
            (
                r#"invalid type: string "hunter2", expected u64"#,
                r#"invalid type: string "…", expected u64"#,
            ),
            (
                "invalid value: integer `42`, expected a `u8`",
                "invalid value: integer `…`, expected a `u8`",
            ),
            (
                "unknown variant `hunter2`, expected `a` or `b`",
                "unknown variant `…`, expected `a` or `b`",
            ),
            ("missing field `text`", "missing field `text`"),
            (r#"not a date: "a \" b"#, r#"not a date: "…""#),
        ] {
            let mut error = McpError::new(code::INVALID_PARAMS, message)
                .with("value", "hunter2")
                .with("uri", "test://a");
            hide(&mut error);
            assert_eq!(error.message, expected);
            assert_eq!(error.data, Some(serde_json::json!({ "uri": "test://a" })));
        }
    }
}
