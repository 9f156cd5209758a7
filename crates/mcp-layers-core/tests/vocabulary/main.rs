//! The values that layers share: errors, principals, keys, clocks and methods.

#![allow(clippy::unwrap_used)]

#[cfg(feature = "http")]
mod challenge;
mod classify;
mod clock;
mod context;
mod error;
mod json;
mod key;
mod method;
mod principal;
mod progress;
