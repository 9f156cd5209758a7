//! The values that layers share: errors, principals, keys, clocks and methods.

#![allow(clippy::unwrap_used)]

#[cfg(feature = "http")]
mod challenge;
mod classify;
mod clock;
mod context;
mod error;
mod hidden_tool;
mod input_wait;
mod json;
mod key;
mod message;
mod method;
mod principal;
mod progress;
mod template;
