//! Ids of errors, which callers quote when they ask for help.

use std::{
    fmt::{self, Write},
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// Makes the ids that callers get instead of errors, and under which the errors are logged.
///
/// An id must be unguessable if a person who has it gets help with it, and must reveal nothing of
/// the server. Closures `Fn() -> String` implement it.
pub trait MakeErrorId: Send + Sync + 'static {
    /// Returns a new id.
    fn make_error_id(&self) -> String;
}

impl fmt::Debug for dyn MakeErrorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MakeErrorId")
    }
}

impl<F> MakeErrorId for F
where
    F: Fn() -> String + Send + Sync + 'static,
{
    fn make_error_id(&self) -> String {
        self()
    }
}

/// 128 bits from the operating system's random number generator, as 26 letters and digits of
/// Crockford's base 32, which has no letters that look like digits.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct RandomErrorId;

impl MakeErrorId for RandomErrorId {
    fn make_error_id(&self) -> String {
        text(random())
    }
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
    let mut text = String::with_capacity(26);
    for group in (0..26).rev() {
        let digit = usize::try_from((bits >> (5 * group)) & 31).unwrap_or(0);
        // A `String` takes whatever is written.
        let _ = text.write_char(DIGITS[digit].into());
    }
    text
}

#[cfg(test)]
mod tests {
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
}
