//! Keyed digests: equal inputs are recognised as equal, and nothing else is told about them.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
};

use hmac::{Hmac, KeyInit, Mac};
use mcp_layers_core::ConfigError;
use sha2::Sha256;

use crate::file::segment::private;

/// A secret key, for digests ([`AuditLayer::key`](crate::AuditLayer::key)) and for the chain of a
/// file ([`FileOptions::new`](crate::FileOptions::new)).
///
/// One key may serve both: a key of its own is derived for each use, by HMAC-SHA-256 (RFC 2104)
/// over the use's name. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Key {
    secret: Hmac<Sha256>,
}

impl Key {
    /// The fewest bytes that a key has: 16.
    pub const MIN_BYTES: usize = 16;

    /// A key of these bytes.
    ///
    /// # Errors
    /// Fewer than [`Key::MIN_BYTES`].
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let bytes = bytes.as_ref();
        if bytes.len() < Self::MIN_BYTES {
            return Err(ConfigError::new(format!(
                "an audit key has at least {} bytes, this one has {}",
                Self::MIN_BYTES,
                bytes.len()
            )));
        }
        let secret = Hmac::new_from_slice(bytes)
            .map_err(|_| ConfigError::new("an audit key of this length cannot be used"))?;
        Ok(Self { secret })
    }

    /// A key that nobody knows and that is gone with the process.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn random() -> Result<Self, ConfigError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| ConfigError::new(format!("no random key: {error}")))?;
        Self::new(bytes)
    }

    /// The key in a file; a new one is made there, readable by its owner alone, if there is none.
    ///
    /// # Errors
    /// Whatever the operating system says; `InvalidData` for a key that is too short.
    pub fn read_or_create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let invalid = |error: ConfigError| io::Error::new(io::ErrorKind::InvalidData, error);
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        let mut options = OpenOptions::new();
        match private(options.write(true).create_new(true)).open(path) {
            Ok(mut file) => {
                file.write_all(&bytes)?;
                file.sync_all()?;
                Self::new(bytes).map_err(invalid)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Self::new(fs::read(path)?).map_err(invalid)
            }
            Err(error) => Err(error),
        }
    }

    /// The key for one use.
    pub(crate) fn derive(&self, usage: &str) -> Hmac<Sha256> {
        let mut derive = self.secret.clone();
        derive.update(b"mcp-layers-audit/1/");
        derive.update(usage.as_bytes());
        // A key that is shorter than a block is padded with zeros (RFC 2104, section 2).
        let mut padded = hmac::digest::Key::<Hmac<Sha256>>::default();
        padded
            .iter_mut()
            .zip(derive.finalize().into_bytes())
            .for_each(|(to, from)| *to = from);
        Hmac::new(&padded)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// The first 128 bits of an HMAC-SHA-256. Shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub(crate) [u8; 16]);

impl Digest {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// What is digested. The same bytes have another digest as another sort of thing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sort {
    Arguments = b'a' as isize,
    Cursor = b'c' as isize,
    Params = b'p' as isize,
    Result = b'r' as isize,
    Session = b's' as isize,
    Target = b'u' as isize,
    Task = b't' as isize,
}

/// Makes digests with one key.
#[derive(Clone)]
pub(crate) struct Digester {
    key: Hmac<Sha256>,
}

impl Digester {
    pub(crate) fn new(key: &Key) -> Self {
        Self {
            key: key.derive("digest"),
        }
    }

    pub(crate) fn digest(&self, sort: Sort, bytes: &[u8]) -> Digest {
        let mut mac = self.key.clone();
        mac.update(&[sort as u8]);
        mac.update(bytes);
        let whole = mac.finalize().into_bytes();
        let mut half = [0; 16];
        half.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
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
    use super::{Digester, Key, Sort};

    #[test]
    fn equal_inputs_have_equal_digests_under_one_key_and_sort_only() {
        let one = Digester::new(&Key::new([1; 32]).unwrap());
        let other = Digester::new(&Key::new([2; 32]).unwrap());
        let digest = one.digest(Sort::Task, b"t-1");
        assert_eq!(digest, one.digest(Sort::Task, b"t-1"));
        assert_ne!(digest, one.digest(Sort::Task, b"t-2"));
        assert_ne!(digest, one.digest(Sort::Cursor, b"t-1"));
        assert_ne!(digest, other.digest(Sort::Task, b"t-1"));
        assert_eq!(digest.to_string().len(), 32);
    }

    #[test]
    fn a_key_in_a_file_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let digest = |key: &Key| Digester::new(key).digest(Sort::Task, b"t");
        let made = digest(&Key::read_or_create(&path).unwrap());
        assert_eq!(digest(&Key::read_or_create(&path).unwrap()), made);
        std::fs::write(&path, "short").unwrap();
        assert!(Key::read_or_create(&path).is_err());
    }

    #[test]
    fn a_short_key_is_refused_and_a_key_shows_nothing() {
        assert!(Key::new([7; 15]).is_err());
        let shown = format!("{:?}", Key::new([171; 16]).unwrap());
        assert!(!shown.contains("171") && !shown.contains("ab"), "{shown}");
    }
}
