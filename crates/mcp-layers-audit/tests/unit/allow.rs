//! Unit tests of `src/allow.rs`.
#![allow(clippy::unwrap_used)]

use super::AllowList;
use mcp_layers_core::Arguments;
use serde_json::json;

#[test]
fn only_listed_fields_are_shown_cut_and_without_secrets() {
    let list = AllowList::new()
        .allow("search", "query")
        .allow("search", "password")
        .allow("search", "nested")
        .max_bytes(40)
        .unwrap();
    let arguments = json!({
        "query": "x".repeat(1_000_000),
        "other": "not listed",
        "password": "hunter2",
        "nested": { "token": "t0", "n": [1, 2] },
    });
    let shown = list.values("search", Arguments::Value(&arguments));
    let all = format!("{shown:?}");
    assert_eq!(shown.len(), 3);
    assert!(shown[0].1.len() <= 44, "{all}");
    assert!(!all.contains("not listed") && !all.contains("hunter2") && !all.contains("t0"));
    // Which comes first is a feature of serde_json, which any crate in a build can switch on.
    let either = [
        "{n:[1,2,],token:[redacted],}",
        "{token:[redacted],n:[1,2,],}",
    ];
    assert!(either.contains(&&*shown[2].1), "{all}");
    assert!(
        list.values("other", Arguments::Value(&arguments))
            .is_empty()
    );
}

#[test]
fn a_deep_or_wide_value_is_cut_early() {
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let arguments = json!({ "deep": deep, "wide": vec![7; 1_000_000] });
    let list = AllowList::new().allow("t", "deep").allow("t", "wide");
    for (_, shown) in list.values("t", Arguments::Value(&arguments)) {
        assert!(shown.len() < 300, "{}", shown.len());
    }
}
