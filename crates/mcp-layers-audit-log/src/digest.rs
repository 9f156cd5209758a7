//! Keyed digests.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{Key, hex::Hex};

/// The first 128 bits of an HMAC-SHA-256, displayed as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Digest(Hex<16>);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Makes digests with one key: equal inputs have equal digests, and without the key nothing else can
/// be learned about them.
#[derive(Clone)]
pub struct Digester {
    key: Hmac<Sha256>,
}

impl Digester {
    /// A digester whose own key is derived from this one.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self {
            key: key.derive("digest"),
        }
    }

    /// The digest of these bytes. The same bytes have another digest in another domain.
    #[must_use]
    pub fn digest(&self, domain: u8, bytes: &[u8]) -> Digest {
        let mut mac = self.key.clone();
        mac.update(&[domain]);
        mac.update(bytes);
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let mut half = [0; 16];
        half.copy_from_slice(&whole[..16]);
        Digest(Hex(half))
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digester").finish_non_exhaustive()
    }
}
