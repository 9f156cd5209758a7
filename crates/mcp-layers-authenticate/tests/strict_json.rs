//! JSON objects without duplicate keys.
#![allow(clippy::unwrap_used)]

#[path = "../src/verify/strict_json.rs"]
mod strict_json;

use proptest::prelude::{any, prop_assert_eq, proptest};
use serde_json::{Value, json};
use strict_json::object;

#[test]
fn duplicate_keys_are_refused_at_any_depth() {
    assert!(object(br#"{"a":1,"b":2}"#).is_some());
    assert!(object(br#"{"a":1,"a":1}"#).is_none());
    assert!(object(br#"{"a":1,"\u0061":2}"#).is_none());
    assert!(object(br#"{"b":[{"a":1,"a":2}]}"#).is_none());
}

#[test]
fn only_a_single_object_is_accepted() {
    for text in ["", "1", "[]", "{} {}", "{", "{\"a\":1e999}", "nul"] {
        assert!(object(text.as_bytes()).is_none(), "{text}");
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    assert!(object(deep.as_bytes()).is_none());
}

proptest! {
    #[test]
    fn other_objects_are_read_as_by_serde_json(
        text in any::<String>(), number in any::<i64>(), float in -1e9..1e9_f64, flag in any::<bool>(),
    ) {
        let value = json!({ "t": text, "n": number, "f": float, "b": [flag, null, { "x": text }] });
        let bytes = serde_json::to_vec(&value).unwrap();
        let plain: Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(object(&bytes).map(Value::Object), Some(plain));
    }
}
