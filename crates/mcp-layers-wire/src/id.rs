//! JSON-RPC ids as they are on the wire.

use mcp_layers_core::json_rpc::JsonRpcId;
use serde_json::value::RawValue;

/// An id: a string, or an integer of any size.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    Small(JsonRpcId),
    /// The digits of an integer beyond 64 bits.
    Large(Box<str>),
}

impl Id {
    /// Reads an id. `1.0` and `1e2` are integers; a fraction, `null` and all else are no ids.
    pub(crate) fn parse(raw: &RawValue) -> Option<Self> {
        const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
        let text = raw.get();
        if text.starts_with('"') {
            let text: String = serde_json::from_str(text).ok()?;
            return Some(Self::Small(JsonRpcId::from(&*text)));
        }
        if let Ok(number) = text.parse::<i64>() {
            return Some(Self::Small(number.into()));
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self::Large(text.into()));
        }
        let float = text.parse::<f64>().ok()?;
        let exact = float.fract() == 0.0 && float.abs() < MAX_EXACT;
        #[allow(clippy::cast_possible_truncation, reason = "it is below 2^53")]
        exact.then(|| Self::Small(JsonRpcId::from(float as i64)))
    }

    /// The id that layers see. An integer beyond 64 bits is a string of its digits there.
    pub(crate) fn for_layers(&self) -> JsonRpcId {
        match self {
            Self::Small(id) => id.clone(),
            Self::Large(digits) => JsonRpcId::from(&**digits),
        }
    }

    /// The id as JSON.
    pub(crate) fn to_json(&self) -> String {
        match self {
            Self::Small(id) => serde_json::to_string(id).expect("integers and strings are JSON"),
            Self::Large(digits) => digits.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Option<Id> {
        Id::parse(serde_json::from_str(json).ok()?)
    }

    #[test]
    fn integers_of_any_size_and_strings_are_ids() {
        for json in [
            "0",
            "-7",
            "9223372036854775807",
            "12345678901234567890",
            "\"a\"",
            "\"\"",
        ] {
            assert_eq!(parse(json).map(|id| id.to_json()).as_deref(), Some(json));
        }
        assert_eq!(parse("1.0"), parse("1"));
        assert_eq!(parse("1e2"), parse("100"));
        assert_eq!(parse("\"\\u0061\""), parse("\"a\""));
        assert_ne!(parse("1"), parse("\"1\""));
        assert_ne!(
            parse("12345678901234567890"),
            parse("\"12345678901234567890\"")
        );
        for json in [
            "null",
            "true",
            "1.5",
            "1e400",
            "1e30",
            "[]",
            "{}",
            "\"\\ud800\"",
        ] {
            assert_eq!(parse(json), None, "{json}");
        }
    }
}
