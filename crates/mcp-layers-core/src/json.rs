//! Walks over JSON values that adapters share.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};

/// Looks for a member of an object.
///
/// The objects of a message have few members, and layers look into them again and again: reading
/// one after the other is faster than a tree, and much faster than a hash, which `serde_json` takes
/// where anything in the build has its feature `preserve_order`.
#[must_use]
#[inline(always)]
pub fn member<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    const FEW: usize = 8;
    if map.len() > FEW {
        return map.get(name);
    }
    map.iter()
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Visits every string inside a value, the keys of objects among them.
///
/// Where two keys of an object become the same, the later one counts.
pub fn visit_json_texts(value: &mut Value, visit: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| visit_json_texts(item, visit)),
        Value::Object(map) => visit_map_texts(map, visit),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Visits every string inside a map, its keys among them, as [`visit_json_texts`] does.
pub fn visit_map_texts(map: &mut Map<String, Value>, visit: &mut dyn FnMut(&mut String)) {
    *map = std::mem::take(map)
        .into_iter()
        .map(|(mut key, mut value)| {
            visit(&mut key);
            visit_json_texts(&mut value, visit);
            (key, value)
        })
        .collect();
}

/// About how many bytes a value has as JSON: exact but for escapes and long numbers.
#[must_use]
pub fn json_size(value: &Value) -> usize {
    const NUMBER: usize = 8;
    match value {
        Value::Null | Value::Bool(true) => 4,
        Value::Bool(false) => 5,
        Value::Number(_) => NUMBER,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| json_size(item) + 1).sum::<usize>() + 2,
        Value::Object(map) => map_size(map),
    }
}

/// About how many bytes a map has as JSON, as [`json_size`] counts.
#[must_use]
pub fn map_size(map: &Map<String, Value>) -> usize {
    map.iter()
        .map(|(key, value)| key.len() + 4 + json_size(value))
        .sum::<usize>()
        + 2
}

/// How many bytes a value has as JSON: exact, counted by writing it to nowhere. 0 for what JSON
/// cannot hold.
pub fn serialized_size(value: &impl Serialize) -> usize {
    struct Count(usize);

    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).map_or(0, |()| count.0)
}

/// Appends a value as JSON; nothing for what JSON cannot hold.
pub fn write_serialized(value: &impl Serialize, out: &mut Vec<u8>) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(before);
    }
}

#[cfg(test)]
mod tests {
    use super::{json_size, visit_json_texts};
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
}
