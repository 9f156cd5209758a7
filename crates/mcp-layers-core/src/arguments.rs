//! A request's arguments, and canonical bytes of JSON.

use serde_json::{Map, Number, Value};

/// The arguments of a request, borrowed in the form in which the MCP implementation holds them.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Arguments<'a> {
    /// No arguments. Differs from an empty map.
    None,
    /// A JSON object: what `tools/call` and `prompts/get` carry.
    Map(&'a Map<String, Value>),
    /// Any JSON value: the params of a method that the implementation does not know.
    Value(&'a Value),
    /// JSON text that the implementation has not parsed.
    Raw(&'a str),
}

impl Arguments<'_> {
    /// Appends canonical JSON: keys sorted by their bytes, no white space.
    ///
    /// Two arguments give equal bytes exactly when their JSON values are equal, by the equality of
    /// [`serde_json::Value`]: the order of keys does not matter; `1` and `1.0` differ, because a
    /// handler can tell them apart; `-0.0` equals `0.0`, unless another crate turns on
    /// `serde_json/arbitrary_precision`; strings are compared by code points, without Unicode
    /// normalisation; of duplicate keys in raw text the last counts, and its floats are as precise
    /// as `serde_json` reads them. [`Arguments::None`] appends nothing. Raw text that is no JSON
    /// appends bytes that no JSON value has.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Map(map) => write_members(map.iter(), out),
            Self::Value(value) => write_canonical(value, out),
            Self::Raw(text) => match serde_json::from_str::<Value>(text) {
                Ok(value) => write_canonical(&value, out),
                Err(_) => {
                    out.push(0xFF);
                    write_string(text, out);
                }
            },
        }
    }

    /// Returns true if there are no arguments, only `null`, or only an empty map.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::Map(map) => map.is_empty(),
            Self::Value(Value::Object(map)) => map.is_empty(),
            Self::Value(value) => value.is_null(),
            Self::Raw(text) => is_blank(text),
        }
    }

    /// One argument, by its name. Always `None` for raw text, which is not parsed here.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Map(map) => map.get(name),
            Self::Value(value) => value.get(name),
            Self::None | Self::Raw(_) => None,
        }
    }
}

/// Returns true for an empty text, `null` and `{}`, white space aside.
fn is_blank(text: &str) -> bool {
    let text = text.trim();
    let inside = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    text == "null" || inside.unwrap_or(text).trim().is_empty()
}

/// Appends a value as canonical JSON, by the rules of [`Arguments::write_canonical`].
pub fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_canonical(item, out);
            }
            out.push(b']');
        }
        Value::Object(map) => write_members(map.iter(), out),
    }
}

/// Writes the members sorted by key. The map's own order is not enough: any crate in the build can
/// turn on `serde_json/preserve_order`, which keeps the order of insertion.
pub(crate) fn write_members<'a>(
    members: impl Iterator<Item = (&'a String, &'a Value)> + Clone,
    out: &mut Vec<u8>,
) {
    if members.clone().is_sorted_by_key(|(key, _)| key) {
        return write_sorted(members, out);
    }
    let mut members: Vec<_> = members.collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    write_sorted(members.into_iter(), out);
}

fn write_sorted<'a>(members: impl Iterator<Item = (&'a String, &'a Value)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (key, value)) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write_canonical(value, out);
    }
    out.push(b'}');
}

fn write_number(number: &Number, out: &mut Vec<u8>) {
    let start = out.len();
    // Writing a number into a vector cannot fail.
    let _ = serde_json::to_writer(&mut *out, number);
    // With `serde_json/arbitrary_precision`, which any crate can turn on, the two zeros differ.
    if out.get(start..) == Some(b"-0.0") && Number::from_f64(-0.0) == Number::from_f64(0.0) {
        out.remove(start);
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    // Writing a string into a vector cannot fail.
    let _ = serde_json::to_writer(out, text);
}
