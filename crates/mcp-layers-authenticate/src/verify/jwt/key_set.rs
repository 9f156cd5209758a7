//! A set of public keys.

use std::sync::Arc;

use mcp_layers_core::ConfigError;
use serde_json::Value;

use super::{key::Key, token::Token};
use crate::verify::strict_json;

/// The maximum number of keys that are read of a set.
const MAX_KEYS: usize = 256;

/// The maximum number of keys that one token is tried with.
const MAX_TRIES: usize = 64;

/// A set of public keys that verify signatures.
///
/// Each key is for one algorithm (RFC 8725, section 3.1): its `alg`, else RS256 for an RSA key and the
/// algorithm of the curve for others. RSA with 2048 to 4096 bits, P-256, P-384 and Ed25519 are
/// supported; shared secrets are never accepted.
///
/// A token with a `kid` is tried with the keys of that id and with keys without one. A token without
/// `kid` is tried with every key of its algorithm, 64 at most.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Arc<[Key]>,
}

/// The result of looking for the key that signed a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    /// A key of the set signed the token.
    Signed,
    /// The set has the key that the token names, which did not sign it.
    Forged,
    /// The set does not have the key.
    Unknown,
}

impl KeySet {
    /// Reads a JSON web key set (RFC 7517, section 5). Keys that are not usable are skipped, as the
    /// RFC says: of an unknown kind, too weak, for encryption, malformed.
    ///
    /// # Errors
    ///
    /// The text is not a key set, or none of its keys is usable.
    pub fn from_jwks(text: &str) -> Result<Self, ConfigError> {
        let set = strict_json::object(text.as_bytes());
        let Some(Value::Array(jwks)) = set.as_ref().and_then(|set| set.get("keys")) else {
            return Err(ConfigError::new("the text is not a JSON web key set"));
        };
        let jwks = jwks.iter().take(MAX_KEYS).filter_map(Value::as_object);
        Self::of(jwks.filter_map(Key::from_jwk).collect())
    }

    /// Reads one public key in PEM (`BEGIN PUBLIC KEY`). An RSA key is for RS256. It has no id, so
    /// that tokens with any `kid` are tried with it.
    ///
    /// # Errors
    ///
    /// The text is not a supported public key.
    pub fn from_pem(text: &str) -> Result<Self, ConfigError> {
        Self::of(Key::from_pem(text).into_iter().collect())
    }

    fn of(keys: Vec<Key>) -> Result<Self, ConfigError> {
        if keys.is_empty() {
            return Err(ConfigError::new(
                "no usable key: a public key of RSA (2048 to 4096 bits), P-256, P-384 or Ed25519",
            ));
        }
        Ok(Self { keys: keys.into() })
    }

    /// Returns the number of usable keys.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // A set is never empty.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Tries the keys that may have signed a token.
    pub(crate) fn verify(&self, token: &Token<'_>) -> Match {
        let may_be_named = |key: &&Key| match (&token.key_id, &key.id) {
            (Some(wanted), Some(have)) => wanted == have,
            _ => true,
        };
        let fits = |key: &&Key| may_be_named(key) && key.algorithm == token.algorithm;
        let mut tries = self.keys.iter().filter(fits).take(MAX_TRIES);
        if tries.any(|key| key.has_signed(token)) {
            return Match::Signed;
        }
        let is_named = |key: &Key| key.id.is_some() && key.id == token.key_id;
        if self.keys.iter().any(is_named) {
            Match::Forged
        } else {
            Match::Unknown
        }
    }
}
