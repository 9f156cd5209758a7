//! A request's arguments, and canonical bytes of JSON.

use serde_json::{Map, Number, Value};
use smallvec::SmallVec;

/// The arguments of a request, borrowed in the form in which its owner holds them.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Arguments<'a> {
    /// The request has none. Not the same as an empty map.
    None,
    /// A JSON object: what `tools/call` and `prompts/get` carry.
    Map(&'a Map<String, Value>),
    /// Any JSON value: the params of a method that the owner does not know.
    Value(&'a Value),
    /// JSON text that the owner has not parsed.
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
            Self::Map(map) => write_map(map, out),
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

    /// Whether there are no arguments, only `null`, or only an empty map.
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

    /// One argument by its name; `None` in raw text, which is not parsed for it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Map(map) => map.get(name),
            Self::Value(value) => value.get(name),
            Self::None | Self::Raw(_) => None,
        }
    }
}

/// Whether the text is nothing, `null` or `{}`, white space aside.
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
        Value::Object(map) => write_map(map, out),
    }
}

/// Feature unification can turn `serde_json`'s map into one that keeps insertion order, so the
/// order is checked, not assumed.
pub(crate) fn write_map(map: &Map<String, Value>, out: &mut Vec<u8>) {
    let entries = map.iter().map(|(key, value)| (prefix(key), key, value));
    let mut entries: SmallVec<[_; 8]> = entries.collect();
    let order = |a: &Entry<'_>, b: &Entry<'_>| a.0.cmp(&b.0).then_with(|| a.1.cmp(b.1));
    if !entries.is_sorted_by(|a, b| order(a, b).is_le()) {
        entries.sort_unstable_by(order);
    }
    out.push(b'{');
    for (index, (_, key, value)) in entries.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write_canonical(value, out);
    }
    out.push(b'}');
}

type Entry<'a> = (u64, &'a String, &'a Value);

/// The first eight bytes as a number, which sorts as they do. It settles most comparisons.
#[inline]
fn prefix(text: &str) -> u64 {
    match text.as_bytes().first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let bytes = text.bytes().chain(std::iter::repeat(0)).take(8);
            bytes.fold(0, |number, byte| number << 8 | u64::from(byte))
        }
    }
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

pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    if has_escapes(text.as_bytes()) {
        // Writing a string into a vector cannot fail.
        let _ = serde_json::to_writer(out, text);
    } else {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

#[inline]
fn has_escapes(bytes: &[u8]) -> bool {
    // Eight at a time; the last eight overlap those before.
    if let Some(last) = bytes.last_chunk() {
        let (blocks, _) = bytes.as_chunks();
        let found = blocks
            .iter()
            .fold(escapes(*last), |found, block| found | escapes(*block));
        return found != 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let [a, b, c, d] = *first;
        let [e, f, g, h] = *last;
        return escapes([a, b, c, d, e, f, g, h]) != 0;
    }
    let is_escaped = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    bytes.iter().any(is_escaped)
}

/// Not zero exactly when JSON escapes one of the bytes: a control character, `"` or `\`. All eight
/// are looked at in one number ("Bit Twiddling Hacks", "Determine if a word has a byte less than n").
#[inline]
fn escapes(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let less = |word: u64, than: u8| word.wrapping_sub(ONES * u64::from(than)) & !word & HIGH;
    let equal = |word: u64, to: u8| less(word ^ (ONES * u64::from(to)), 1);
    let word = u64::from_ne_bytes(bytes);
    less(word, 0x20) | equal(word, b'"') | equal(word, b'\\')
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use serde_json::{Value, json};

    fn bytes(arguments: Arguments<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        arguments.write_canonical(&mut out);
        out
    }

    #[test]
    fn key_order_does_not_matter_at_any_depth() {
        let a: Value = serde_json::from_str(r#"{"b":{"y":1,"x":[{"q":1,"p":2}]},"a":1}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"a":1,"b":{"x":[{"p":2,"q":1}],"y":1}}"#).unwrap();
        assert_eq!(bytes(Arguments::Value(&a)), bytes(Arguments::Value(&b)));
        assert_eq!(
            bytes(Arguments::Value(&a)),
            br#"{"a":1,"b":{"x":[{"p":2,"q":1}],"y":1}}"#
        );
    }

    #[test]
    fn integers_and_floats_differ_and_negative_zero_is_zero() {
        assert_ne!(
            bytes(Arguments::Value(&json!(1))),
            bytes(Arguments::Value(&json!(1.0)))
        );
        // Unless another crate turns on `serde_json/arbitrary_precision`.
        assert_eq!(
            bytes(Arguments::Value(&json!(-0.0))) == bytes(Arguments::Value(&json!(0.0))),
            json!(-0.0) == json!(0.0)
        );
        assert_eq!(bytes(Arguments::Value(&json!([0.0, -1.5]))), b"[0.0,-1.5]");
    }

    #[test]
    fn delimiters_in_names_do_not_collide() {
        let a = json!({"a\":1,\"b": 2});
        let b = json!({"a": 1, "b": 2});
        assert_ne!(bytes(Arguments::Value(&a)), bytes(Arguments::Value(&b)));
        let composed = json!("\u{e9}");
        let decomposed = json!("e\u{301}");
        assert_ne!(
            bytes(Arguments::Value(&composed)),
            bytes(Arguments::Value(&decomposed))
        );
    }

    #[test]
    fn every_byte_in_every_place_is_escaped_as_serde_json_does() {
        for length in 1..20 {
            for place in 0..length {
                for byte in 0..0x80_u8 {
                    let mut text = "x".repeat(length);
                    text.replace_range(place..=place, char::from(byte).encode_utf8(&mut [0; 4]));
                    let value = Value::from(text);
                    let written = bytes(Arguments::Value(&value));
                    assert_eq!(written, serde_json::to_vec(&value).unwrap());
                }
            }
        }
    }

    #[test]
    fn keys_are_in_order_whatever_their_prefixes() {
        let keys = [
            "",
            "\0",
            "a",
            "a\0",
            "a\0\0",
            "aaaaaaaa",
            "aaaaaaaaa",
            "aaaaaaaab",
            "b",
            "\u{e9}",
        ];
        let numbered = |keys: &mut dyn Iterator<Item = &str>| {
            let keys = keys.map(|key| (key.to_owned(), Value::from(key.len())));
            Value::Object(keys.collect())
        };
        let forwards = bytes(Arguments::Value(&numbered(&mut keys.into_iter())));
        let backwards = bytes(Arguments::Value(&numbered(&mut keys.into_iter().rev())));
        assert_eq!(forwards, backwards);
        let sorted: std::collections::BTreeMap<_, _> =
            keys.into_iter().map(|key| (key, key.len())).collect();
        assert_eq!(forwards, serde_json::to_vec(&sorted).unwrap());
    }

    #[test]
    fn none_an_empty_map_and_null_differ() {
        let none = bytes(Arguments::None);
        let empty = bytes(Arguments::Map(&serde_json::Map::new()));
        let null = bytes(Arguments::Value(&Value::Null));
        assert!(none.is_empty());
        assert_ne!(none, empty);
        assert_ne!(empty, null);
    }

    #[test]
    fn raw_text_equals_its_parsed_value_and_broken_text_equals_no_json() {
        let raw = Arguments::Raw(r#" { "b" : 1 , "a" : "\u0041" } "#);
        assert_eq!(
            bytes(raw),
            bytes(Arguments::Value(&json!({"a": "A", "b": 1})))
        );
        let broken = bytes(Arguments::Raw("{"));
        assert_eq!(broken.first(), Some(&0xFF));
        assert_ne!(broken, bytes(Arguments::Raw("{{")));
    }
}
