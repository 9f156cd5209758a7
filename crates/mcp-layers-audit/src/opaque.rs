//! Values without a `Debug` of their own.

use std::fmt;

/// A function or a sink, of which `Debug` shows nothing.
#[derive(Clone)]
pub(crate) struct Opaque<T>(pub(crate) T);

impl<T> fmt::Debug for Opaque<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}
