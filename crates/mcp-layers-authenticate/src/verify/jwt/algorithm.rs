//! Signature algorithms.

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey,
    crypto::{CryptoProvider, JwtVerifier},
    errors::Error,
};

/// Returns an asymmetric algorithm by its name (RFC 7518; `Ed25519`: RFC 9864). `none` and shared
/// secrets are not accepted.
pub(super) fn by_name(name: &str) -> Option<Algorithm> {
    let name = if name == "Ed25519" { "EdDSA" } else { name };
    let algorithm: Algorithm = name.parse().ok()?;
    (algorithm.family() != AlgorithmFamily::Hmac).then_some(algorithm)
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
