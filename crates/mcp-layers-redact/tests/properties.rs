//! Properties of redaction on generated texts and JSON.
#![allow(clippy::unwrap_used)]

use mcp_layers_redact::{Lines, Redactor, redact_uri, sanitize};
use proptest::prelude::*;
use serde_json::{Value, json};

fn redactors() -> [Redactor; 2] {
    [
        Redactor::credentials(),
        Redactor::internals().emails().random_words(),
    ]
}

/// Texts made of the pieces that rules look for.
fn pieces() -> impl Strategy<Value = String> {
    let fixed = [
        "password",
        "token",
        "pin",
        "\"",
        "'",
        "\\",
        "=",
        ":",
        ": ",
        " ",
        "\n",
        "/",
        "//",
        "://",
        "@",
        "a",
        "1",
        ".",
        ",",
        ";",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "<",
        ">",
        "-",
        "--",
        "_",
        "::",
        "10.0.0.1",
        "eyJaaaaaa",
        "ghp_aaaaaaaaaaaaaaaaaaaa",
        "AKIAQRSTQRSTQRSTQRST",
        "Bearer ",
        "Basic ",
        "http",
        "Authorization",
        "Cookie",
        "at x:1",
        "File \"a\", line 1",
        "  ",
        "\t",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "localhost",
        ".internal",
        "C:\\",
        "~/a",
        "é",
        "[secret]",
        "[token]",
        "sk-",
        "key",
        "xoxb-",
        "name",
        "value",
        "Some(",
        "b'",
        "|",
        "- ",
        "&quot;",
        "%3D",
        "\u{200b}",
        "\u{fe0f}",
        "\u{1b}[",
        "hunter2",
        "Too short",
        "0",
        "string",
        "is ",
        "%26",
        "\\u0022",
        "\"\"\"",
        "${",
        "=>",
        "@tcp(",
    ];
    let piece = prop_oneof![
        6 => proptest::sample::select(fixed.to_vec()).prop_map(str::to_owned),
        1 => "[ -~]{0,6}",
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        pieces().prop_map(Value::from),
    ];
    let names = prop_oneof![
        proptest::sample::select(vec![
            "password", "token", "pin", "name", "value", "errors", "type", "a", "pass"
        ])
        .prop_map(str::to_owned),
        pieces(),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(names.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The types of a value and of all in it. Names may change, and with them the order and, where two
/// become one, the number.
fn types(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("bool"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("string"),
        Value::Array(items) => items.iter().map(types).collect(),
        Value::Object(_) => json!("object"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn redacting_twice_changes_nothing_more(text in pieces()) {
        for redactor in redactors() {
            let once = redactor.redact(&text).into_owned();
            prop_assert_eq!(redactor.redact(&once), &*once, "{:?}", text);
        }
    }

    #[test]
    fn a_password_goes_whatever_is_around_it(before in pieces(), after in "[ ;&\n][ -~]{0,9}") {
        let text = format!("{before} password=Hunter2Hunter{after}");
        for redactor in redactors() {
            let redacted = redactor.redact(&text);
            prop_assert!(!redacted.contains("Hunter2Hunter"), "{:?} -> {:?}", text, redacted);
        }
    }

    #[test]
    fn json_stays_json_with_its_types(value in values(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.unwrap();
        for redactor in redactors() {
            if matches!(value, Value::Array(_) | Value::Object(_)) {
                let redacted = redactor.redact(&text);
                let parsed = serde_json::from_str::<Value>(&redacted);
                prop_assert!(parsed.is_ok(), "{} -> {}", text, redacted);
                prop_assert_eq!(types(&parsed.unwrap()), types(&value));
                prop_assert_eq!(redactor.redact(&redacted), &*redacted);
            }
            let mut in_place = value.clone();
            redactor.redact_json(&mut in_place);
            prop_assert_eq!(types(&in_place), types(&value));
            let once = in_place.clone();
            redactor.redact_json(&mut in_place);
            prop_assert_eq!(in_place, once);
        }
    }

    #[test]
    fn a_cut_is_short_and_keeps_no_half_secret(text in pieces(), max in 0_usize..40) {
        let text = format!("{text} password=Hunter2Hunter {}", text.repeat(100));
        let cut = Redactor::credentials().redact_cut(&text, max);
        prop_assert!(cut.len() <= max, "{:?}", cut);
        prop_assert!(!cut.contains("Hunter2"), "{:?} -> {:?}", text, cut);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".*", max in 0_usize..20) {
        let _ = Redactor::internals().emails().redact(&text);
        let _ = redact_uri(&text);
        prop_assert!(sanitize(&text, max, Lines::Joined).len() <= max);
    }
}

#[test]
fn a_label_beside_another_text_is_no_name() {
    for text in [
        r#"["ghp_aaaaaaaaaaaaaaaaaaaa\"","/"]"#,
        r#"{"name":"ghp_aaaaaaaaaaaaaaaaaaaa","value":"/"}"#,
    ] {
        for redactor in redactors() {
            let once = redactor.redact(text).into_owned();
            assert!(once.contains('/'), "{once}");
            assert_eq!(redactor.redact(&once), once);
        }
    }
}
