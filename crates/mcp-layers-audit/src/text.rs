//! Texts that callers choose, cut to a length.

use std::{fmt, ops::Deref};

use serde::Serialize;
use smol_str::SmolStr;

/// The length of names that callers choose, in bytes.
pub(crate) const NAME_LIMIT: usize = 128;

/// A text of a [`Record`](crate::Record), read as a `str`. One of up to 23 bytes needs no allocation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Text(pub(crate) SmolStr);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// At most `limit` bytes of a text, cut between characters; a cut text ends with `…`.
pub(crate) fn cut(text: &str, limit: usize) -> Text {
    Text(mcp_layers_redact::cut(text, limit).into())
}

#[cfg(test)]
#[path = "../tests/unit/text.rs"]
mod tests;
