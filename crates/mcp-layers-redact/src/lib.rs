//! Redaction of passwords, API keys, tokens and other secrets in texts, JSON and URIs.
//!
//! [`Redactor`] finds secrets by the names beside them and by their form, in the output of
//! programs: the `Debug` of Rust, the `repr` of Python, the `%+v` of Go, JSON, YAML, TOML, XML,
//! headers, URLs, connection strings and command lines. It leaves what only looks alike:
//! `nextPageToken`, `max_tokens`, "password: must have 8 characters". It is no layer: the error
//! mask and the audit log of `mcp-layers` use it, and so can any program.
//!
//! # Example
//!
//! ```
//! use mcp_layers_redact::Redactor;
//!
//! let redactor = Redactor::credentials();
//! assert_eq!(redactor.redact("login failed: password=hunter2"), "login failed: password=[secret]");
//! assert_eq!(redactor.redact(r#"{"db": {"password": "hunter2", "port": 5432}}"#),
//!     r#"{"db": {"password": "[secret]", "port": 5432}}"#);
//! assert_eq!(redactor.redact("password: must have 8 characters"), "password: must have 8 characters");
//! ```
//!
//! # Rules
//!
//! 1. A value ends at its matching quote or bracket. A constructor or prefix belongs to it:
//!    `Some("…")`, `b'…'`.
//! 2. Text that is JSON is redacted as JSON, and stays JSON with the same types: a secret text
//!    becomes `"[secret]"`, a secret number `0`. `null`, `true` and `false` stay. JSON inside JSON
//!    strings too.
//! 3. Terminal sequences and characters that do not show hide no name. A text without secrets keeps
//!    them.
//! 4. Empty values, references to variables (`${PASSWORD}`), placeholders (`<password>`) and
//!    messages of validation ("Too short") are no secrets.
//! 5. Redacting twice changes nothing more.
//!
//! # Cost
//!
//! Linear in the length of the text, for every text. [`Redactor::redact_cut`] looks only at what it
//! returns. A text without a finding is not copied.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod assignment;
mod edits;
mod field;
mod json;
mod message;
mod name;
mod place;
mod quote;
mod redactor;
mod sanitize;
mod scan;
mod stack_trace;
mod token;
mod url;
mod value;
mod work;

pub use name::is_secret_name;
pub use redactor::{InvalidPattern, Redactor};
pub use sanitize::{Lines, cut, sanitize};
pub use url::redact_uri;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
