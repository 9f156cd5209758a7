//! A credential as the caller presented it.

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
    /// Offset of the credential in the value of the header.
    start: usize,
}

/// The header that a credential came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Presented {
    /// `Authorization: Bearer` (RFC 6750, section 2.1).
    Bearer,
    /// A header for API keys, such as `x-api-key`.
    ApiKey,
}

impl Credential {
    /// Makes a bearer token. Returns `None` when the text is empty or not printable ASCII.
    pub fn bearer(token: &str) -> Option<Self> {
        Self::from_text(Presented::Bearer, token)
    }

    /// Makes an API key. Returns `None` when the text is empty or not printable ASCII.
    pub fn api_key(key: &str) -> Option<Self> {
        Self::from_text(Presented::ApiKey, key)
    }

    fn from_text(presented: Presented, text: &str) -> Option<Self> {
        let value = HeaderValue::from_str(text).ok()?;
        Self::from_header(presented, value, 0)
    }

    /// Takes the credential from a header's value, from `start` on. Returns `None` when it is empty
    /// or not printable ASCII.
    pub(crate) fn from_header(
        presented: Presented,
        value: HeaderValue,
        start: usize,
    ) -> Option<Self> {
        let text = value.as_bytes().get(start..)?;
        let printable = text.iter().all(|byte| (0x20..0x7f).contains(byte));
        (printable && !text.is_empty()).then_some(Self {
            presented,
            value,
            start,
        })
    }

    /// Returns the header that it came in.
    pub fn presented(&self) -> Presented {
        self.presented
    }

    /// Returns the text. Never log it.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Returns the text as bytes. Never log it.
    pub fn as_bytes(&self) -> &[u8] {
        self.value.as_bytes().get(self.start..).unwrap_or_default()
    }

    /// Computes the SHA-256 digest of the text, which identifies it without revealing it.
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
