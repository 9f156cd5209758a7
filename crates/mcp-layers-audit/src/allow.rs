//! Which argument values are recorded.

use std::{borrow::Cow, collections::BTreeMap, fmt, num::NonZeroUsize, sync::Arc};

use mcp_layers_core::Arguments;
use serde_json::Value;

use crate::redact::{REDACTED, is_secret_name, redact_clamped};

type Redactor = Arc<dyn Fn(&str) -> Cow<'_, str> + Send + Sync>;

/// Which argument values are recorded: of these tools or prompts, these top-level fields, and
/// nothing else.
///
/// A value is cut to [`AllowList::max_bytes`]. What looks like a secret in it is replaced by
/// `[redacted]`: values of fields that are called `password`, `token` and so on, tokens with
/// well-known beginnings, private keys, passwords inside urls, long words that look random. That
/// is a second line of defence; the list is the first.
///
/// Arguments that the server has not parsed ([`Arguments::Raw`]) are not recorded.
#[derive(Clone)]
pub struct AllowList {
    fields: BTreeMap<Box<str>, Vec<Box<str>>>,
    max_bytes: NonZeroUsize,
    redactor: Option<Redactor>,
}

impl AllowList {
    /// How much of one value is recorded unless [`AllowList::max_bytes`] says otherwise: 256 bytes.
    pub const DEFAULT_MAX_BYTES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

    /// An empty list: no value is recorded.
    #[must_use]
    pub fn new() -> Self {
        Self {
            fields: BTreeMap::new(),
            max_bytes: Self::DEFAULT_MAX_BYTES,
            redactor: None,
        }
    }

    /// Allows one top-level field of the arguments of a tool or prompt.
    #[must_use]
    pub fn allow(mut self, target: impl Into<Box<str>>, field: impl Into<Box<str>>) -> Self {
        self.fields
            .entry(target.into())
            .or_default()
            .push(field.into());
        self
    }

    /// How much of one value is recorded, in bytes; 256 by default.
    #[must_use]
    pub fn max_bytes(mut self, bytes: NonZeroUsize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// What else is to be taken out of each value, after the rules above.
    #[must_use]
    pub fn redact(mut self, redact: impl Fn(&str) -> Cow<'_, str> + Send + Sync + 'static) -> Self {
        self.redactor = Some(Arc::new(redact));
        self
    }

    /// The values to record of these arguments: names and texts.
    pub(crate) fn values(
        &self,
        target: &str,
        arguments: Arguments<'_>,
    ) -> Vec<(Box<str>, Box<str>)> {
        let Some(fields) = self.fields.get(target) else {
            return Vec::new();
        };
        let value = |field: &str| {
            let value = arguments.get(field)?;
            Some((field.into(), self.show(field, value)))
        };
        fields.iter().map(AsRef::as_ref).filter_map(value).collect()
    }

    fn show(&self, field: &str, value: &Value) -> Box<str> {
        let limit = self.max_bytes.get();
        if is_secret_name(field) {
            return REDACTED.into();
        }
        let mut shown = match value {
            Value::String(text) => redact_clamped(text, limit),
            other => {
                let mut text = String::new();
                write_bounded(other, limit, 16, &mut text);
                redact_clamped(&text, limit)
            }
        };
        if let Some(redactor) = &self.redactor {
            shown = redactor(&shown).into_owned();
        }
        shown.into()
    }
}

impl Default for AllowList {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllowList")
            .field("fields", &self.fields)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

/// Writes JSON until there are more than `limit` bytes; values of secret names are left out.
fn write_bounded(value: &Value, limit: usize, depth: usize, out: &mut String) {
    if out.len() > limit {
        return;
    }
    match value {
        Value::String(text) => {
            out.push('"');
            out.push_str(&redact_clamped(text, limit));
            out.push('"');
        }
        Value::Array(_) | Value::Object(_) if depth == 0 => out.push('…'),
        Value::Array(items) => {
            out.push('[');
            for item in items {
                if out.len() > limit {
                    break;
                }
                write_bounded(item, limit, depth - 1, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (key, value) in map {
                if out.len() > limit {
                    break;
                }
                out.push_str(&redact_clamped(key, limit));
                out.push(':');
                if is_secret_name(key) {
                    out.push_str(REDACTED);
                } else {
                    write_bounded(value, limit, depth - 1, out);
                }
                out.push(',');
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::AllowList;
    use mcp_layers_core::Arguments;
    use serde_json::json;
    use std::num::NonZeroUsize;

    #[test]
    fn only_listed_fields_are_shown_cut_and_without_secrets() {
        let list = AllowList::new()
            .allow("search", "query")
            .allow("search", "password")
            .allow("search", "nested")
            .max_bytes(NonZeroUsize::new(40).unwrap());
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
}
