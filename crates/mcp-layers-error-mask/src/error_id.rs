//! Ids of errors, which callers quote when they ask for help.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// Returns a new id: 128 bits from the operating system's random number generator, as 26 letters and
/// digits of Crockford's base 32, which has no letters that look like digits.
pub(crate) fn make_error_id() -> String {
    text(random())
}

fn random() -> u128 {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u128::from_ne_bytes(bytes),
        Err(_) => hashed(),
    }
}

/// Without random numbers from the operating system: a counter, hashed with the keys that
/// the standard library drew for this process.
fn hashed() -> u128 {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let [high, low] = [RandomState::new(), RandomState::new()].map(|keys| keys.hash_one(count));
    (u128::from(high) << 64) | u128::from(low)
}

fn text(bits: u128) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let groups = (0..26).rev().map(|group| (bits >> (5 * group)) & 31);
    groups
        .map(|group| char::from(DIGITS[group as usize]))
        .collect()
}

#[cfg(test)]
#[path = "../tests/unit/error_id.rs"]
mod tests;
