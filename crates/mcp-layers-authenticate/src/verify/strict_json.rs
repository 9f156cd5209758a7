//! JSON objects without duplicate keys.
//!
//! Parsers that disagree on which of two equal keys counts are a known way around a check, so such
//! an object is refused (RFC 7519, section 4 allows that).

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// Parses an object without duplicate keys at any depth. `serde_json` limits the depth to 128.
pub(crate) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(text).ok().map(|Object(map)| map)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Strict {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Strict>),
    Object(Object),
}

impl From<Strict> for Value {
    fn from(strict: Strict) -> Self {
        match strict {
            Strict::Null => Self::Null,
            Strict::Bool(value) => value.into(),
            Strict::Number(value) => value.into(),
            Strict::String(value) => value.into(),
            Strict::Array(items) => items.into_iter().map(Self::from).collect(),
            Strict::Object(Object(map)) => map.into(),
        }
    }
}

struct Object(Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object without duplicate keys")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Object, A::Error> {
                let mut map = Map::new();
                while let Some((key, value)) = entries.next_entry::<String, Strict>()? {
                    if map.insert(key, value.into()).is_some() {
                        return Err(A::Error::custom("a duplicate key"));
                    }
                }
                Ok(Object(map))
            }
        }

        deserializer.deserialize_map(Members)
    }
}
