//! Unit tests of `src/digest.rs`.
#![allow(clippy::unwrap_used)]

use super::{DigestKey, Domain};

#[test]
fn a_value_has_another_digest_in_another_domain_and_under_another_key() {
    let digest = |key: u8, domain| {
        DigestKey::new([key; 16])
            .unwrap()
            .digest(domain, &[Some("a")])
    };
    assert_eq!(digest(1, Domain::Session), digest(1, Domain::Session));
    assert_ne!(digest(1, Domain::Session), digest(1, Domain::Principal));
    assert_ne!(digest(1, Domain::Session), digest(2, Domain::Session));
}
