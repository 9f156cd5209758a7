//! Unit tests of `src/validation.rs`.

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
