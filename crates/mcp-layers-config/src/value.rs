//! Values with a unit, which are written as text.

mod byte_size;
pub(crate) mod defaults;
mod percent;
mod rate;
mod secret;
mod text;
mod time_span;

pub use byte_size::ByteSize;
pub use percent::Percent;
pub use rate::{Per, Rate};
pub use secret::Secret;
pub use time_span::TimeSpan;
