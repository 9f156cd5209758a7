//! Serde and JSON Schema of values that are written as text.

use std::{fmt, marker::PhantomData, str::FromStr};

use mcp_layers_core::ConfigError;
use serde::de::{Error, Visitor};

/// A value that is written as text.
pub(super) trait Text: FromStr<Err = ConfigError> {
    /// The expected form, with an example.
    const EXPECTED: &'static str;
    /// The error of a bare number.
    const NUMBER: &'static str;
}

/// Reads the text. No error repeats it.
pub(super) struct TextVisitor<T>(pub(super) PhantomData<T>);

impl<T: Text> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
        Err(E::custom(T::NUMBER))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<T, E> {
        Err(E::custom(T::NUMBER))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
        Err(E::custom(T::NUMBER))
    }
}

/// Implements serde and JSON Schema for a [`Text`] that is displayed as it is read.
macro_rules! as_text {
    ($type:ident, $pattern:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::value::text::TextVisitor(
                    std::marker::PhantomData,
                ))
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "description": <Self as $crate::value::text::Text>::EXPECTED,
                })
            }
        }
    };
}
pub(super) use as_text;
