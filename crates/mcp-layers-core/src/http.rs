//! The parts of HTTP authentication that several crates share: the bearer challenge.

mod challenge;

pub use challenge::{BearerError, Challenge, is_scope};
