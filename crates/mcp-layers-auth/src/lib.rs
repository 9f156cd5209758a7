//! Who is calling an MCP server, and may they: at the HTTP edge and at every MCP request.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod challenge;
mod verify;

pub use challenge::{BearerError, Challenge};
pub use verify::*;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
