use mcp_layers_core::adapter::{json_size, visit_json_texts};
use serde_json::json;

#[test]
fn keys_and_values_are_visited_at_every_depth() {
    let mut value = json!({"secret": ["secret", {"a": "x secret", "n": 1}], "b": null});
    visit_json_texts(&mut value, &mut |text| {
        *text = text.replace("secret", "***");
    });
    assert_eq!(
        value,
        json!({"***": ["***", {"a": "x ***", "n": 1}], "b": null})
    );
}

#[test]
fn the_size_is_close_to_the_real_one() {
    let value = json!({"name": "echo", "list": [true, false, null, "text"], "n": 12345678});
    let real = value.to_string().len();
    let estimate = json_size(&value);
    assert!(estimate.abs_diff(real) <= real / 4, "{estimate} {real}");
}
