//! JSON web tokens and keys, parsed strictly.

mod algorithm;
mod key;
mod key_set;
mod token;

pub use key_set::KeySet;
pub(super) use key_set::Match;
pub(super) use token::Token;
