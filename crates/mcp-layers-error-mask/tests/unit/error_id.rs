//! Unit tests of `src/error_id.rs`.

use super::{hashed, text};

#[test]
fn the_text_of_an_id_holds_all_its_bits() {
    assert_eq!(text(0), "0".repeat(26));
    assert_eq!(text(u128::MAX), format!("7{}", "z".repeat(25)));
    let texts: Vec<_> = (0..128).map(|bit| text(1 << bit)).collect();
    let mut once = texts.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), texts.len());
}

#[test]
fn ids_without_random_numbers_differ() {
    assert_ne!(hashed(), hashed());
}
