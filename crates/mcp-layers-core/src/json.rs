//! Functions on JSON values that adapters share.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};

/// Visits every string inside a value, including the keys of objects. If two keys of an object become
/// equal, the later one wins.
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

/// Visits every string inside a map, including its keys, as [`visit_json_texts`] does.
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

/// The approximate size of a value as JSON, in bytes: exact except for escapes and long numbers.
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

/// The approximate size of a map as JSON, in bytes, as [`json_size`] counts.
#[must_use]
pub fn map_size(map: &Map<String, Value>) -> usize {
    map.iter()
        .map(|(key, value)| key.len() + 4 + json_size(value))
        .sum::<usize>()
        + 2
}

/// The exact size of a value as JSON, in bytes; 0 for a value that JSON cannot represent.
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

/// Appends a value as JSON; nothing for a value that JSON cannot represent.
pub fn write_serialized(value: &impl Serialize, out: &mut Vec<u8>) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(before);
    }
}
