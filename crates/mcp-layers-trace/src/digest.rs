//! Keyed digests of what must not be exported.

use hmac::{Hmac, KeyInit, Mac};
use mcp_layers_core::{ConfigError, KeyWriter};
use sha2::Sha256;

/// A secret key for digests: HMAC-SHA-256 (RFC 2104), of which 128 bits are exported as 32 hexadecimal
/// digits.
///
/// Equal values have equal digests under one key, also across processes that share the key. Without the
/// key nothing else can be learned about them.
#[derive(Clone)]
pub struct DigestKey(Hmac<Sha256>);

/// The kind of value: equal values of two kinds have different digests.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Domain {
    Session = 1,
    Principal = 2,
}

impl DigestKey {
    /// The length of the shortest key, in bytes: 16.
    pub const MIN_BYTES: usize = 16;

    /// A key of these bytes.
    ///
    /// # Errors
    /// If there are fewer than [`DigestKey::MIN_BYTES`].
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let bytes = bytes.as_ref();
        let (least, found) = (Self::MIN_BYTES, bytes.len());
        if found < least {
            let message = format!("a digest key has at least {least} bytes, this one has {found}");
            return Err(ConfigError::new(message));
        }
        let key = Hmac::new_from_slice(bytes);
        key.map(Self)
            .map_err(|error| ConfigError::new(error.to_string()))
    }

    pub(crate) fn digest(&self, domain: Domain, parts: &[Option<&str>]) -> String {
        let mut bytes = Vec::new();
        let mut writer = KeyWriter::new(&mut bytes);
        writer.tag(domain as u8);
        for part in parts {
            writer.optional(*part);
        }
        let mut mac = self.0.clone();
        mac.update(&bytes);
        base16ct::lower::encode_string(&mac.finalize().into_bytes()[..16])
    }
}

// Shows nothing of the key.
mcp_layers_core::opaque_debug!(DigestKey);

#[cfg(test)]
#[path = "../tests/unit/digest.rs"]
mod tests;
