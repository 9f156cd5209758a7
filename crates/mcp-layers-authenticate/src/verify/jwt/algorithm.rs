//! Signature algorithms.

use jsonwebtoken::{
    Algorithm, DecodingKey,
    crypto::{CryptoProvider, JwtVerifier},
    errors::Error,
};

/// The asymmetric algorithms of RFC 7518 by name. `none` and shared secrets are left out.
pub(super) const ACCEPTED: [(&str, Algorithm); 10] = [
    ("RS256", Algorithm::RS256),
    ("ES256", Algorithm::ES256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
    // The same by its newer name (RFC 9864).
    ("Ed25519", Algorithm::EdDSA),
];

pub(super) fn by_name(name: &str) -> Option<Algorithm> {
    let found = ACCEPTED.iter().find(|(have, _)| *have == name);
    found.map(|(_, algorithm)| *algorithm)
}

pub(super) fn is_rsa(algorithm: Algorithm) -> bool {
    matches!(
        algorithm,
        Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512
    )
}

/// The cryptography, chosen by features: aws-lc where it is compiled in, else pure Rust. No provider
/// is installed for the process, so an application's own use of `jsonwebtoken` is not affected.
fn provider() -> &'static CryptoProvider {
    #[cfg(feature = "jwt-aws-lc")]
    {
        &jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER
    }
    #[cfg(not(feature = "jwt-aws-lc"))]
    {
        &jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER
    }
}

/// Makes the verifier of signatures for a key.
pub(super) fn signature_verifier(
    algorithm: Algorithm,
    key: &DecodingKey,
) -> Result<Box<dyn JwtVerifier>, Error> {
    (provider().verifier_factory)(&algorithm, key)
}
