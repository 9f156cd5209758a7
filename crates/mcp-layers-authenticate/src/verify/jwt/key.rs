//! A public key with its algorithm.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::{Map, Value};

use super::{algorithm, token::Token};

/// The accepted sizes of an RSA modulus. Smaller keys are too weak (RFC 7518, section 3.3), larger
/// ones too slow.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=512;

#[derive(Debug)]
pub(super) struct Key {
    pub(super) id: Option<Box<str>>,
    pub(super) algorithm: Algorithm,
    key: DecodingKey,
}

impl Key {
    /// Reads a JSON web key (RFC 7517). Returns `None` when it is not for verifying signatures, or
    /// not supported.
    pub(super) fn from_jwk(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| match jwk.get(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(text.as_str())),
            Some(_) => None,
        };
        if text("use")?.is_some_and(|r#use| r#use != "sig") || !may_verify(jwk.get("key_ops"))? {
            return None;
        }
        let id = text("kid")?.map(Into::into);
        let named = match text("alg")? {
            Some(name) => Some(algorithm::by_name(name)?),
            None => None,
        };
        let (algorithm, key) = match (text("kty")??, text("crv")?) {
            ("RSA", _) => {
                let algorithm = named.unwrap_or(Algorithm::RS256);
                let (modulus, exponent) = (text("n")??, text("e")??);
                if algorithm.family() != AlgorithmFamily::Rsa || !is_rsa_sound(modulus, exponent) {
                    return None;
                }
                let key = DecodingKey::from_rsa_components(modulus, exponent);
                (algorithm, key.ok()?)
            }
            ("EC", Some("P-256")) => (Algorithm::ES256, ec(text("x")??, text("y")??, 32)?),
            ("EC", Some("P-384")) => (Algorithm::ES384, ec(text("x")??, text("y")??, 48)?),
            ("OKP", Some("Ed25519")) if decoded(text("x")??)?.len() == 32 => {
                let key = DecodingKey::from_ed_components(text("x")??);
                (Algorithm::EdDSA, key.ok()?)
            }
            _ => return None,
        };
        if named.is_some_and(|named| named != algorithm) {
            return None;
        }
        Self::usable(id, algorithm, key)
    }

    /// Reads a public key in PEM. An RSA key is for RS256.
    pub(super) fn from_pem(pem: &str) -> Option<Self> {
        // Private keys and certificates are PEM too.
        let label = pem.trim_start().strip_prefix("-----BEGIN ")?;
        if !label.starts_with("PUBLIC KEY-----") && !label.starts_with("RSA PUBLIC KEY-----") {
            return None;
        }
        let pem = pem.as_bytes();
        if let Ok(key) = DecodingKey::from_ec_pem(pem) {
            // A point: a byte, and two coordinates.
            let algorithm = match key.try_get_as_bytes().ok()?.len() {
                65 => Algorithm::ES256,
                97 => Algorithm::ES384,
                _ => return None,
            };
            return Self::usable(None, algorithm, key);
        }
        if let Ok(key) = DecodingKey::from_ed_pem(pem) {
            return Self::usable(None, Algorithm::EdDSA, key);
        }
        let key = DecodingKey::from_rsa_pem(pem).ok()?;
        // The DER of modulus and exponent is some bytes longer than the modulus.
        let length = key.try_get_as_bytes().ok()?.len();
        let sound = length > *RSA_BYTES.start() && length < RSA_BYTES.end() + 32;
        sound.then(|| Self::usable(None, Algorithm::RS256, key))?
    }

    /// Checks that the cryptography accepts the key.
    fn usable(id: Option<Box<str>>, algorithm: Algorithm, key: DecodingKey) -> Option<Self> {
        algorithm::signature_verifier(algorithm, &key).ok()?;
        Some(Self { id, algorithm, key })
    }

    pub(super) fn has_signed(&self, token: &Token<'_>) -> bool {
        let Ok(verifier) = algorithm::signature_verifier(self.algorithm, &self.key) else {
            return false;
        };
        let message = token.message.as_bytes();
        verifier.verify(message, &token.signature).is_ok()
    }
}

/// Reads `key_ops` (RFC 7517, section 4.3).
fn may_verify(operations: Option<&Value>) -> Option<bool> {
    match operations {
        None => Some(true),
        Some(Value::Array(operations)) => Some(operations.iter().any(|have| have == "verify")),
        Some(_) => None,
    }
}

fn is_rsa_sound(modulus: &str, exponent: &str) -> bool {
    let significant = |text: &str| {
        let bytes = decoded(text)?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Some(bytes.len() - zeros)
    };
    let modulus = significant(modulus).is_some_and(|length| RSA_BYTES.contains(&length));
    modulus && significant(exponent).is_some_and(|length| (1..=4).contains(&length))
}

fn ec(x: &str, y: &str, length: usize) -> Option<DecodingKey> {
    let fits = |text: &str| decoded(text).is_some_and(|bytes| bytes.len() == length);
    (fits(x) && fits(y)).then(|| DecodingKey::from_ec_components(x, y).ok())?
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
