//! The members of a JSON object as raw text.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of an object, in their order. A name that occurs twice is an error: parsers differ in
/// which of the two they take.
#[derive(Debug)]
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The raw text of a member.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let mut members = self.0.iter();
        members.find(|(have, _)| have == name).map(|(_, raw)| *raw)
    }

    /// The first name that some parser takes for another: it differs from one of `reserved`, or from
    /// an earlier name, in case alone. Parsers exist that ignore case, such as Go's `encoding/json`.
    pub(crate) fn ambiguous(&self, reserved: &[&str]) -> Option<&str> {
        let mut seen = HashSet::new();
        self.0.iter().map(|(name, _)| &**name).find(|name| {
            let folded = fold(name);
            let mistaken = reserved
                .iter()
                .any(|reserved| reserved != name && fold(reserved) == folded);
            mistaken || !seen.insert(folded)
        })
    }
}

/// Returns true if no object in a JSON text has a member twice.
pub(crate) fn is_unique(raw: &str) -> bool {
    match raw.as_bytes().first() {
        Some(b'{') => serde_json::from_str::<Members<'_>>(raw)
            .is_ok_and(|members| members.0.iter().all(|(_, raw)| is_unique(raw.get()))),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(raw)
            .is_ok_and(|items| items.iter().all(|raw| is_unique(raw.get()))),
        _ => true,
    }
}

/// Lower case; `ſ` and the Kelvin sign fold to `s` and `k`, as in Go.
fn fold(name: &str) -> Cow<'_, str> {
    if name
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        return Cow::Borrowed(name);
    }
    let upper = name.chars().flat_map(char::to_uppercase);
    Cow::Owned(upper.flat_map(char::to_lowercase).collect())
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut members, mut seen) = (Vec::new(), HashSet::new());
                while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &RawValue>()? {
                    if !seen.insert(name.clone()) {
                        return Err(A::Error::custom("duplicate member"));
                    }
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_name_that_occurs_twice_is_an_error() {
        for json in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"\u0061":3}"#] {
            assert!(serde_json::from_str::<Members<'_>>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn names_that_differ_in_case_alone_are_ambiguous() {
        let ambiguous = |json: &str| {
            let members: Members<'_> = serde_json::from_str(json).unwrap();
            members.ambiguous(&["params", "task"]).map(str::to_owned)
        };
        assert_eq!(ambiguous(r#"{"params":1,"a":2,"B":3}"#), None);
        assert_eq!(ambiguous(r#"{"Params":1}"#).unwrap(), "Params");
        assert_eq!(ambiguous(r#"{"paramſ":1}"#).unwrap(), "paramſ");
        assert_eq!(ambiguous("{\"tas\u{212a}\":1}").unwrap(), "tas\u{212a}");
        assert_eq!(ambiguous(r#"{"a":1,"A":2}"#).unwrap(), "A");
    }
}
