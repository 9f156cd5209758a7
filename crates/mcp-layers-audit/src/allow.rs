//! The argument values that are recorded.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use mcp_layers_core::{Arguments, ConfigError};
use mcp_layers_redact::{Redactor, is_secret_name};
use serde_json::Value;

use crate::{
    opaque::Opaque,
    text::{Text, cut},
};

const REDACTED: &str = "[redacted]";

type Custom = Opaque<Arc<dyn Fn(&str) -> Cow<'_, str> + Send + Sync>>;

/// The argument values that are recorded: these top-level fields of these tools or prompts, and no
/// others.
///
/// A value is cut to [`AllowList::max_bytes`], and secrets in it are replaced by `[redacted]`: values of
/// fields that are called `password`, `token` and so on, credentials in texts (see
/// [`Redactor::credentials`]), long words that look random. That is a second line of defence; the
/// list is the first.
///
/// Arguments that the server has not parsed ([`Arguments::Raw`]) are not recorded.
#[derive(Debug, Clone)]
pub struct AllowList {
    fields: BTreeMap<Box<str>, Vec<Box<str>>>,
    max_bytes: usize,
    redactor: Redactor,
    custom: Option<Custom>,
}

impl AllowList {
    /// An empty list: no value is recorded.
    #[must_use]
    pub fn new() -> Self {
        Self {
            fields: BTreeMap::new(),
            max_bytes: 256,
            redactor: Redactor::credentials().random_words().label(REDACTED),
            custom: None,
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

    /// Sets how much of one value is recorded, in bytes; 256 by default.
    ///
    /// # Errors
    /// Zero.
    pub fn max_bytes(mut self, bytes: usize) -> Result<Self, ConfigError> {
        if bytes == 0 {
            return Err(ConfigError::new("max_bytes must be at least 1"));
        }
        self.max_bytes = bytes;
        Ok(self)
    }

    /// Takes out of each value what `redact` takes out, after the rules above.
    #[must_use]
    pub fn redact(mut self, redact: impl Fn(&str) -> Cow<'_, str> + Send + Sync + 'static) -> Self {
        self.custom = Some(Opaque(Arc::new(redact)));
        self
    }

    /// The names and texts to record of these arguments.
    pub(crate) fn values(&self, target: &str, arguments: Arguments<'_>) -> Vec<(Text, Text)> {
        let fields = self
            .fields
            .get(target)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let value = |field: &str| {
            let value = arguments.get(field)?;
            Some((Text(field.into()), self.show(field, value)))
        };
        fields.iter().map(AsRef::as_ref).filter_map(value).collect()
    }

    fn show(&self, field: &str, value: &Value) -> Text {
        if is_secret_name(field) {
            return Text(REDACTED.into());
        }
        let shown = match value {
            Value::String(text) => self.redactor.redact_cut(text, self.max_bytes),
            other => {
                let mut text = String::new();
                self.write_bounded(other, 16, &mut text);
                Cow::Owned(cut(&text, self.max_bytes).to_string())
            }
        };
        match &self.custom {
            Some(Opaque(redact)) => Text(redact(&shown).into()),
            None => Text(shown.into()),
        }
    }

    /// Writes a value until there are more than `max_bytes`; values of secret names are left out.
    fn write_bounded(&self, value: &Value, depth: usize, out: &mut String) {
        if out.len() > self.max_bytes {
            return;
        }
        match value {
            Value::String(text) => {
                *out += &format!("\"{}\"", self.redactor.redact_cut(text, self.max_bytes));
            }
            Value::Array(_) | Value::Object(_) if depth == 0 => out.push('…'),
            Value::Array(items) => {
                out.push('[');
                for item in items.iter().take(self.max_bytes) {
                    self.write_bounded(item, depth - 1, out);
                    out.push(',');
                }
                out.push(']');
            }
            Value::Object(map) => {
                out.push('{');
                for (key, value) in map.iter().take(self.max_bytes) {
                    *out += &self.redactor.redact_cut(key, self.max_bytes);
                    out.push(':');
                    if is_secret_name(key) {
                        out.push_str(REDACTED);
                    } else {
                        self.write_bounded(value, depth - 1, out);
                    }
                    out.push(',');
                }
                out.push('}');
            }
            scalar => *out += &scalar.to_string(),
        }
    }
}

impl Default for AllowList {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[path = "../tests/unit/allow.rs"]
mod tests;
