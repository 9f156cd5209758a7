//! Keyed digests.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{Key, hex::Hex};

/// The first 128 bits of an HMAC-SHA-256, displayed as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(self.0).fmt(f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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
        Digest(half)
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digester").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Digester;
    use crate::Key;

    #[test]
    fn equal_inputs_have_equal_digests_under_one_key_and_domain_only() {
        let one = Digester::new(&Key::new([1; 32]).unwrap());
        let other = Digester::new(&Key::new([2; 32]).unwrap());
        let digest = one.digest(b't', b"t-1");
        assert_eq!(digest, one.digest(b't', b"t-1"));
        assert_ne!(digest, one.digest(b't', b"t-2"));
        assert_ne!(digest, one.digest(b'c', b"t-1"));
        assert_ne!(digest, other.digest(b't', b"t-1"));
        assert_eq!(digest.to_string().len(), 32);
    }
}
