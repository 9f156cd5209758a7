//! The signatures that are accepted, and which keys make them.

use jsonwebtoken::Algorithm;

/// The asymmetric algorithms of RFC 7518, by their names. `none` and shared secrets are not among
/// them.
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
    // RFC 9864: the same, by its full name.
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

/// Has `jsonwebtoken` use aws-lc where both of its backends were built: left to itself, it panics.
/// What the program installed before stays.
pub(super) fn install_backend() {
    #[cfg(all(feature = "jwt", feature = "jwt-aws-lc"))]
    {
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    }
}
