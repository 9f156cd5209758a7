//! Defaults of keys, for serde's attribute.
#![allow(dead_code)] // Not without tables.

use super::{ByteSize, TimeSpan};

pub(crate) fn secs<const SECONDS: u64>() -> TimeSpan {
    TimeSpan::from_secs(SECONDS)
}

pub(crate) fn millis<const MILLIS: u64>() -> TimeSpan {
    TimeSpan::from_millis(MILLIS)
}

pub(crate) fn bytes<const BYTES: u64>() -> ByteSize {
    ByteSize::new(BYTES)
}

pub(crate) fn number<const NUMBER: usize>() -> usize {
    NUMBER
}
