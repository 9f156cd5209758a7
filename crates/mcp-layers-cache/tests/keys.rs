//! Two requests share an answer exactly when they are equal as JSON values.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use mcp_layers_cache::{CacheLayer, Freshness};
use mcp_layers_core::{Method, response::CacheScope};
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
    fn an_answer_is_shared_exactly_by_equal_arguments(a in value(), b in value()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let everyone = Freshness::new(MINUTE).public();
            let service = CacheLayer::new().tool("echo", everyone).unwrap().layer(counting(CacheScope::Public));
            let first = run_of(&service, call(a.clone())).await;
            prop_assert_eq!(&run_of(&service, call(reordered(&a))).await, &first);
            prop_assert_eq!(run_of(&service, call(b.clone())).await == first, a == b);
            Ok(())
        })?;
    }

    #[test]
    fn names_cursors_and_arguments_never_run_into_each_other(
        a in (text(), text(), any::<bool>()), b in (text(), text(), any::<bool>()),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let everyone = Freshness::new(MINUTE).public();
            let layer = CacheLayer::new().tool("*", everyone).unwrap();
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

#[tokio::test]
async fn meta_that_may_change_a_result_is_part_of_the_key() {
    let with = |meta: Value| list().with_params(json!({ "_meta": meta }));
    let plain = || with(json!({}));
    let trace = |id: &str| with(json!({ "traceparent": id, "tracestate": id, "baggage": id }));
    let locale = |locale: &str| with(json!({ "com.example/locale": locale }));
    let request_id = |id: u32| with(json!({ "com.example/requestId": id }));
    let by_default = CacheLayer::new();
    let by_locale = CacheLayer::new().vary_by_meta(["com.example/locale"]);
    let by_nothing = CacheLayer::new().vary_by_meta([""; 0]);
    let cases = [
        (&by_default, trace("1"), trace("2"), true),
        (
            &by_default,
            plain(),
            with(json!({ "progressToken": 1 })),
            true,
        ),
        (&by_default, plain(), locale("de"), false),
        (&by_default, locale("de"), locale("en"), false),
        (&by_default, locale("de"), locale("de"), true),
        (&by_default, request_id(1), request_id(2), false),
        (&by_locale, request_id(1), request_id(2), true),
        (&by_locale, locale("de"), locale("en"), false),
        (&by_nothing, locale("de"), locale("en"), true),
    ];
    for (number, (layer, first, second, shared)) in cases.into_iter().enumerate() {
        let service = layer.clone().layer(counting(CacheScope::Public));
        layer.clone().handle().invalidate_all();
        let first = run_of(&service, first).await;
        let second = run_of(&service, second).await;
        assert_eq!(first == second, shared, "case {number}");
    }
}
