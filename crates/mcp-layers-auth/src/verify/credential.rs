//! A credential as it was presented.

use std::fmt;

use http::HeaderValue;
use sha2::{Digest, Sha256};

/// A bearer token or an API key, not yet verified. Its text is printable ASCII.
///
/// Clones share the text. `Debug` does not show it.
#[derive(Clone)]
pub struct Credential {
    presented: Presented,
    value: HeaderValue,
    /// Where the credential begins in the value of the header.
    start: usize,
}

/// How a credential was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Presented {
    /// In `Authorization: Bearer` (RFC 6750, section 2.1).
    Bearer,
    /// In a header of its own.
    ApiKey,
}

impl Credential {
    /// A bearer token; `None` when the text is empty or not printable ASCII.
    #[must_use]
    pub fn bearer(token: &str) -> Option<Self> {
        Self::from_text(Presented::Bearer, token)
    }

    /// An API key; `None` when the text is empty or not printable ASCII.
    #[must_use]
    pub fn api_key(key: &str) -> Option<Self> {
        Self::from_text(Presented::ApiKey, key)
    }

    fn from_text(presented: Presented, text: &str) -> Option<Self> {
        let value = HeaderValue::from_str(text).ok()?;
        Self::from_header(presented, value, 0)
    }

    /// The credential that begins at `start` of a header's value. It is not empty, and has no
    /// control characters and nothing beyond ASCII.
    pub(crate) fn from_header(
        presented: Presented,
        value: HeaderValue,
        start: usize,
    ) -> Option<Self> {
        let text = value.as_bytes().get(start..)?;
        // Without an early end, so that the compiler can look at many bytes at once.
        let printable = text
            .iter()
            .fold(true, |all, byte| all & (*byte >= 0x20) & (*byte < 0x7f));
        (printable && !text.is_empty()).then_some(Self {
            presented,
            value,
            start,
        })
    }

    /// How it was presented.
    #[must_use]
    pub fn presented(&self) -> Presented {
        self.presented
    }

    /// The text. Never log it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The text, as bytes. Never log it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.value.as_bytes().get(self.start..).unwrap_or_default()
    }

    /// The SHA-256 digest of the text: what tells it from others, and does not give it away.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.as_bytes()).into()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("presented", &self.presented)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Credential;

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", Credential::bearer("hunter2").unwrap());
        assert!(
            shown.contains("Bearer") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn a_credential_is_printable_ascii() {
        for text in ["", "a\tb", "a\u{7f}", "ü", "a\nb"] {
            assert!(Credential::bearer(text).is_none(), "{text:?}");
        }
        assert_eq!(Credential::api_key("a b").unwrap().as_str(), "a b");
    }
}
