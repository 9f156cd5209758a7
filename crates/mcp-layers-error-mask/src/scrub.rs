//! The policy for texts that stay: which redactors they pass, and how long they may be.

use std::{fmt, num::NonZeroUsize, sync::Arc};

use mcp_layers_core::{McpResponse, Method};
use serde_json::Value;

use crate::{
    Redactor,
    neutral::{Lines, cut, is_tidy, tidy},
    redactor::is_sensitive_key,
};

/// What is taken out of the texts that a caller gets to read.
///
/// By default that concerns results with `isError`, which stay results because models correct
/// themselves with them, what tasks say, and the message and data of errors that are kept without
/// having been declared public. Terminal sequences and characters that do not show go too.
///
/// ```
/// use mcp_layers_error_mask::Scrub;
///
/// let mut text = "connect to postgres://app:hunter2@db failed, api_key=abc".to_owned();
/// Scrub::credentials().scrub(&mut text);
/// assert_eq!(text, "connect to postgres://[secret]@db failed, api_key=[secret]");
/// ```
#[derive(Clone)]
pub struct Scrub {
    redactors: Arc<[Redactor]>,
    max_text: NonZeroUsize,
    every_result: bool,
}

/// How often the redactors are asked at most about one text. What one leaves can be what another
/// looks for.
const ROUNDS: usize = 4;

/// What stands where a value was whose key says that it is secret.
const SECRET: &str = "[secret]";

impl Scrub {
    /// How long a text may be unless [`Scrub::max_text`] says otherwise: 1 MiB.
    pub const DEFAULT_MAX_TEXT: NonZeroUsize = NonZeroUsize::MIN.saturating_add((1 << 20) - 1);

    /// Takes nothing out.
    #[must_use]
    pub fn none() -> Self {
        Self {
            redactors: Arc::default(),
            max_text: Self::DEFAULT_MAX_TEXT,
            every_result: false,
        }
    }

    /// Takes out [secrets](Redactor::secrets), [keys](Redactor::keys) and
    /// [tokens](Redactor::tokens). This is the default of the layer: it leaves what a model needs to
    /// correct itself.
    #[must_use]
    pub fn credentials() -> Self {
        Self::none()
            .redactor(Redactor::keys())
            .redactor(Redactor::secrets())
            .redactor(Redactor::tokens())
    }

    /// Takes out [stack traces](Redactor::stack_traces), [addresses](Redactor::addresses) and
    /// [paths](Redactor::paths) besides.
    #[must_use]
    pub fn internals() -> Self {
        Self::credentials()
            .redactor(Redactor::stack_traces())
            .redactor(Redactor::addresses())
            .redactor(Redactor::paths())
    }

    /// One redactor more.
    #[must_use]
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactors = self.redactors.iter().cloned().chain([redactor]).collect();
        self
    }

    /// Scrubs every result, not only those with `isError`. Lists and the answers of the lifecycle
    /// stay: what they name has to be recognised. So do the texts of a result that are no text but
    /// base64, as far as nothing in them looks like a secret.
    #[must_use]
    pub fn every_result(mut self) -> Self {
        self.every_result = true;
        self
    }

    /// How many bytes one text may have: 1 MiB by default. What is beyond is not looked at, and so
    /// cut off.
    #[must_use]
    pub fn max_text(mut self, bytes: NonZeroUsize) -> Self {
        self.max_text = bytes;
        self
    }

    /// Scrubs one text; whether that changed it.
    pub fn scrub(&self, text: &mut String) -> bool {
        let is_long = text.len() > self.max_text.get();
        cut(text, self.max_text.get());
        if is_tidy(text, Lines::Kept) {
            return self.redact(text) | is_long;
        }
        // A terminal sequence can take the beginning of a telling name with it, and what does not
        // show can stand inside one: the text is looked at with them and without.
        self.redact(text);
        tidy(text, self.max_text.get(), Lines::Kept);
        self.redact(text);
        true
    }

    fn redact(&self, text: &mut String) -> bool {
        let mut changed = false;
        for _ in 0..ROUNDS {
            let mut again = false;
            for redactor in &*self.redactors {
                if let Some(redacted) = redactor.redact(text) {
                    *text = redacted;
                    again = true;
                }
            }
            if !again {
                break;
            }
            changed = true;
        }
        if changed {
            cut(text, self.max_text.get());
        }
        changed
    }

    pub(crate) fn is_none(&self) -> bool {
        self.redactors.is_empty()
    }

    /// Whether results of this method are scrubbed even when they are no errors.
    pub(crate) fn covers(&self, method: Method<'_>) -> bool {
        self.every_result && !method.is_list() && !method.is_lifecycle()
    }

    /// Scrubs every text of a result.
    pub(crate) fn result(&self, response: &mut impl McpResponse) {
        if let Some(content) = response.structured_content_mut() {
            self.keyed(content);
        }
        response.visit_texts_mut(&mut |_, text| {
            self.scrub(text);
        });
    }

    /// Scrubs every text of a JSON value.
    pub(crate) fn json(&self, value: &mut Value) {
        self.keyed(value);
        mcp_layers_core::visit_json_texts(value, &mut |text| {
            self.scrub(text);
        });
    }

    /// Takes out what stands under keys that say that it is secret. Texts are left for later.
    fn keyed(&self, value: &mut Value) {
        if self.redactors.iter().any(Redactor::is_secrets) {
            redact_keyed(value);
        }
    }
}

fn redact_keyed(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(redact_keyed),
        Value::Object(map) => {
            for (key, value) in map {
                if is_sensitive_key(key) {
                    redact_whole(value);
                } else {
                    redact_keyed(value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn redact_whole(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(redact_whole),
        Value::Object(map) => map.values_mut().for_each(redact_whole),
        Value::String(_) | Value::Number(_) => *value = SECRET.into(),
        Value::Null | Value::Bool(_) => {}
    }
}

impl Default for Scrub {
    fn default() -> Self {
        Self::credentials()
    }
}

impl fmt::Debug for Scrub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrub")
            .field("redactors", &self.redactors)
            .field("max_text", &self.max_text)
            .field("every_result", &self.every_result)
            .finish()
    }
}
