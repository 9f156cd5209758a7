//! Canonical bytes are equal exactly when the JSON values are.
//!
//! Feature unification can change what a `serde_json` map and number are. The same tests hold with
//! `--features serde_json/preserve_order` and `--features serde_json/arbitrary_precision`.
#![allow(clippy::unwrap_used)]

use mcp_layers_core::{Arguments, adapter::write_canonical};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_canonical(value, &mut out);
    out
}

fn of(arguments: Arguments<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    arguments.write_canonical(&mut out);
    out
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Short, so that equal ones are frequent; of characters that could break the syntax, and of forms
/// that Unicode calls equivalent.
fn text() -> impl Strategy<Value = String> {
    "[a1\"\\\\:,{}\\[\\] \u{0}\u{1f}\u{7f}\u{e9}e\u{301}\u{2028}\u{1f600}]{0,3}"
}

/// A number in eighths reads back exactly in every build of `serde_json`.
fn eighths() -> impl Strategy<Value = f64> {
    any::<i32>().prop_map(|number| f64::from(number) / 8.0)
}

fn value(float: impl Strategy<Value = f64> + 'static) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..3_i64).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        Just(json!(-0.0)),
        (-2..3_i32).prop_map(|number| json!(f64::from(number))),
        float.prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|entries| Value::Object(Map::from_iter(entries))),
        ]
    })
}

/// The same value or one close to it, by what is done to every leaf.
fn near(value: &Value, how: usize) -> Value {
    match (how, value) {
        (_, Value::Array(items)) => items.iter().map(|item| near(item, how)).collect(),
        // In the other order, which matters where a map keeps it.
        (_, Value::Object(map)) => {
            let entries: Vec<_> = map.iter().collect();
            let entries = entries.into_iter().rev();
            let entry = |(key, value): (&String, &Value)| (near_text(key, how), near(value, how));
            Value::Object(entries.map(entry).collect())
        }
        (1, Value::Number(number)) => json!(number.as_f64()),
        (2, Value::Number(number)) => json!(number.as_f64().map(|float| -float)),
        (3, Value::Number(number)) => Value::from(number.to_string()),
        (4, Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
        (5, Value::Null) => json!({}),
        (_, Value::String(text)) => Value::from(near_text(text, how)),
        _ => value.clone(),
    }
}

fn near_text(text: &str, how: usize) -> String {
    match how {
        6 => text.replace('\u{e9}', "e\u{301}"),
        7 => text.replace('"', "\\\""),
        _ => text.to_owned(),
    }
}

/// JSON with the keys in one order or the other, and more or less white space.
fn write(value: &Value, reversed: bool) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| write(item, reversed)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map
                .iter()
                .map(|(key, value)| format!("{} : {}", json!(key), write(value, reversed)))
                .collect();
            entries.sort();
            if reversed {
                entries.reverse();
            }
            format!("{{\n{}\n}}", entries.join(", "))
        }
        leaf => leaf.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..Default::default() })]

    #[test]
    fn bytes_of_two_values_are_equal_exactly_when_the_values_are(
        a in value(any::<f64>()),
        b in value(any::<f64>()),
    ) {
        prop_assert_eq!(canonical(&a) == canonical(&b), a == b);
    }

    #[test]
    fn bytes_of_close_values_are_equal_exactly_when_the_values_are(
        a in value(any::<f64>()),
        how in 0..8_usize,
    ) {
        let b = near(&a, how);
        prop_assert_eq!(canonical(&a) == canonical(&b), a == b, "{} {}", a, b);
    }

    #[test]
    fn neither_the_order_of_keys_nor_white_space_matters(value in value(any::<f64>())) {
        let (one, other) = (write(&value, false), write(&value, true));
        prop_assert_eq!(canonical(&parse(&one)), canonical(&parse(&other)));
        prop_assert_eq!(of(Arguments::Raw(&one)), canonical(&parse(&other)));
    }

    #[test]
    fn bytes_are_json_that_reads_back_as_an_equal_value(value in value(eighths())) {
        let bytes = canonical(&value);
        let again: Value = serde_json::from_slice(&bytes).unwrap();
        // A negative zero comes back as zero, which is equal unless numbers are kept as text.
        prop_assert_eq!(canonical(&again), bytes);
        prop_assert_eq!(again, value);
    }

    #[test]
    fn a_map_and_raw_text_give_the_bytes_of_their_value(value in value(any::<f64>())) {
        if let Value::Object(map) = &value {
            prop_assert_eq!(of(Arguments::Map(map)), canonical(&value));
        }
        let raw = value.to_string();
        prop_assert_eq!(of(Arguments::Raw(&raw)), canonical(&parse(&raw)));
        prop_assert_eq!(of(Arguments::Value(&value)), canonical(&value));
    }

    #[test]
    fn raw_text_that_is_no_json_equals_only_itself(a in "[a{}\":1]{0,6}", b in "[a{}\":1]{0,6}") {
        let equal = match (serde_json::from_str::<Value>(&a), serde_json::from_str::<Value>(&b)) {
            (Ok(a), Ok(b)) => a == b,
            (Err(_), Err(_)) => a == b,
            _ => false,
        };
        prop_assert_eq!(of(Arguments::Raw(&a)) == of(Arguments::Raw(&b)), equal);
    }
}

#[test]
fn one_and_one_point_zero_differ() {
    assert_ne!(canonical(&json!({"a": 1})), canonical(&json!({"a": 1.0})));
}

#[test]
fn a_duplicate_key_counts_by_its_last_value() {
    assert_eq!(
        of(Arguments::Raw(r#"{"a":1,"a":2}"#)),
        canonical(&json!({"a": 2}))
    );
}

#[test]
fn arguments_are_empty_in_every_form_of_nothing() {
    let (empty, null, one) = (json!({}), Value::Null, json!({"a": 1}));
    for arguments in [
        Arguments::None,
        Arguments::Map(empty.as_object().unwrap()),
        Arguments::Value(&empty),
        Arguments::Value(&null),
        Arguments::Raw(" "),
        Arguments::Raw("{ \n }"),
        Arguments::Raw("null "),
    ] {
        assert!(arguments.is_empty(), "{arguments:?}");
    }
    for arguments in [
        Arguments::Map(one.as_object().unwrap()),
        Arguments::Value(&one),
        Arguments::Raw(r#"{"a":1}"#),
        Arguments::Raw("{}{}"),
        Arguments::Raw("0"),
    ] {
        assert!(!arguments.is_empty(), "{arguments:?}");
    }
}

#[test]
fn key_order_does_not_matter_at_any_depth() {
    let a: Value = serde_json::from_str(r#"{"b":{"y":1,"x":[{"q":1,"p":2}]},"a":1}"#).unwrap();
    let b: Value = serde_json::from_str(r#"{"a":1,"b":{"x":[{"p":2,"q":1}],"y":1}}"#).unwrap();
    assert_eq!(of(Arguments::Value(&a)), of(Arguments::Value(&b)));
    assert_eq!(
        of(Arguments::Value(&a)),
        br#"{"a":1,"b":{"x":[{"p":2,"q":1}],"y":1}}"#
    );
}

#[test]
fn integers_and_floats_differ_and_negative_zero_is_zero() {
    assert_ne!(
        of(Arguments::Value(&json!(1))),
        of(Arguments::Value(&json!(1.0)))
    );
    // Unless another crate turns on `serde_json/arbitrary_precision`.
    assert_eq!(
        of(Arguments::Value(&json!(-0.0))) == of(Arguments::Value(&json!(0.0))),
        json!(-0.0) == json!(0.0)
    );
    assert_eq!(of(Arguments::Value(&json!([0.0, -1.5]))), b"[0.0,-1.5]");
}

#[test]
fn delimiters_in_names_do_not_collide() {
    let a = json!({"a\":1,\"b": 2});
    let b = json!({"a": 1, "b": 2});
    assert_ne!(of(Arguments::Value(&a)), of(Arguments::Value(&b)));
    let composed = json!("\u{e9}");
    let decomposed = json!("e\u{301}");
    assert_ne!(
        of(Arguments::Value(&composed)),
        of(Arguments::Value(&decomposed))
    );
}

#[test]
fn none_an_empty_map_and_null_differ() {
    let none = of(Arguments::None);
    let empty = of(Arguments::Map(&Map::new()));
    let null = of(Arguments::Value(&Value::Null));
    assert!(none.is_empty());
    assert_ne!(none, empty);
    assert_ne!(empty, null);
}

#[test]
fn raw_text_equals_its_parsed_value_and_broken_text_equals_no_json() {
    let raw = Arguments::Raw(r#" { "b" : 1 , "a" : "\u0041" } "#);
    assert_eq!(of(raw), of(Arguments::Value(&json!({"a": "A", "b": 1}))));
    let broken = of(Arguments::Raw("{"));
    assert_eq!(broken.first(), Some(&0xFF));
    assert_ne!(broken, of(Arguments::Raw("{{")));
}
