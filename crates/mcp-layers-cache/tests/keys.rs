//! Two requests share an answer exactly when they are equal as JSON values.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use mcp_layers_cache::{CacheLayer, Freshness};
use mcp_layers_core::{CacheScope, Method};
use mcp_layers_test::requests;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tower::Layer;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..3_i64).prop_map(Value::from),
        prop_oneof![Just(0.0), Just(-0.0), Just(1.0), Just(0.5)].prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..3)
                .prop_map(|entries| Value::Object(Map::from_iter(entries))),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    let words = [
        "",
        "a",
        "b",
        "\"",
        "a\":1,\"b",
        "{}",
        "é",
        "e\u{301}",
        "\0",
        "\u{7}",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

/// The same value with the keys of its objects in another order.
fn reordered(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(reordered).collect(),
        Value::Object(map) => {
            let entries = map.iter().rev();
            Value::Object(
                entries
                    .map(|(key, value)| (key.clone(), reordered(value)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn c5_an_answer_is_shared_exactly_by_equal_arguments(a in value(), b in value()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let everyone = Freshness::new(MINUTE).public();
            let service = CacheLayer::new().tool("echo", everyone).layer(counting(CacheScope::Public));
            let first = run_of(&service, call(a.clone())).await;
            prop_assert_eq!(&run_of(&service, call(reordered(&a))).await, &first);
            prop_assert_eq!(run_of(&service, call(b.clone())).await == first, a == b);
            Ok(())
        })?;
    }

    #[test]
    fn c5_names_cursors_and_arguments_never_run_into_each_other(
        a in (text(), text(), any::<bool>()), b in (text(), text(), any::<bool>()),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let everyone = Freshness::new(MINUTE).public();
            let mut layer = CacheLayer::new();
            for name in [&a.0, &b.0] {
                layer = layer.tool(name, everyone);
            }
            let service = layer.layer(counting(CacheScope::Public));
            let request = |(one, other, tool): &(String, String, bool)| if *tool {
                requests::call_tool(1, one, json!({ other: 1 }))
            } else {
                requests::page(1, Method::ListTools, one).with_protocol_version(other.clone())
            };
            let first = run_of(&service, request(&a)).await;
            prop_assert_eq!(run_of(&service, request(&b)).await == first, a == b);
            Ok(())
        })?;
    }
}
