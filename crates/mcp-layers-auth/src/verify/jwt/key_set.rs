//! The public keys of an issuer.

use std::sync::Arc;

use mcp_layers_core::ConfigError;
use serde_json::Value;

use super::{key::Key, token::Token};
use crate::verify::strict_json;

/// How many keys of a set are read at most.
const MAX_KEYS: usize = 256;

/// How many keys one token is tried with.
const MAX_TRIES: usize = 4;

/// A set of public keys.
///
/// Each key is for one algorithm (RFC 8725, section 3.1): the `alg` that it names, else RS256 for an
/// RSA key, and what the curve says for others. Keys of RSA with 2048 to 4096 bits, P-256, P-384
/// and Ed25519 are read; shared secrets never.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Arc<[Key]>,
}

/// What a set of keys says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A key of the set made the signature.
    Signed,
    /// The set has the key that the token names, and it did not make the signature.
    Forged,
    /// The set has no such key.
    Unknown,
}

impl KeySet {
    /// A JSON web key set (RFC 7517, section 5). Keys that are of no use here are skipped, as its
    /// section 5 says: of an unknown kind, too weak, for encryption, malformed.
    ///
    /// # Errors
    ///
    /// The text is no key set, or none of its keys is of use.
    pub fn from_jwks(text: &str) -> Result<Self, ConfigError> {
        let set = strict_json::object(text.as_bytes());
        let Some(Value::Array(jwks)) = set.as_ref().and_then(|set| set.get("keys")) else {
            return Err(ConfigError::new("this is no JSON web key set"));
        };
        let jwks = jwks.iter().take(MAX_KEYS).filter_map(Value::as_object);
        Self::of(jwks.filter_map(Key::from_jwk).collect())
    }

    /// One public key in PEM (`BEGIN PUBLIC KEY`). An RSA key is for RS256. It has no name, so that
    /// tokens with any `kid` are tried with it.
    ///
    /// # Errors
    ///
    /// The text is no public key of a kind that is supported.
    pub fn from_pem(text: &str) -> Result<Self, ConfigError> {
        Self::of(Key::from_pem(text).into_iter().collect())
    }

    fn of(keys: Vec<Key>) -> Result<Self, ConfigError> {
        if keys.is_empty() {
            return Err(ConfigError::new(
                "no key is of use: a public key of RSA (2048 to 4096 bits), P-256, P-384 or Ed25519",
            ));
        }
        Ok(Self { keys: keys.into() })
    }

    /// How many keys of the set are of use.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // A set is never empty.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Tries the keys that the token may name: those with its `kid`, and those without one. A token
    /// without `kid` is tried with every key of its algorithm, up to a bound.
    pub(crate) fn verify(&self, token: &Token<'_>) -> Answer {
        let is_named = |key: &&Key| match (&token.key_id, &key.id) {
            (Some(wanted), Some(have)) => **wanted == **have,
            _ => true,
        };
        let fits = |key: &&Key| is_named(key) && key.algorithm == token.algorithm;
        let mut tries = self.keys.iter().filter(fits).take(MAX_TRIES);
        if tries.any(|key| key.made(token.signature, token.message)) {
            return Answer::Signed;
        }
        // A key of that name is there, whatever it is for.
        let knows = |key: &Key| key.id.is_some() && key.id == token.key_id;
        if self.keys.iter().any(knows) {
            Answer::Forged
        } else {
            Answer::Unknown
        }
    }
}
