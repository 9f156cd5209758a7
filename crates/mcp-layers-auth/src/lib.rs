//! Who is calling an MCP server, and may they: at the HTTP edge and at every MCP request.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authenticate;
mod challenge;
mod local;
mod metadata;
mod verify;

pub use authenticate::{Authenticate, AuthenticateLayer, CappedBody, ResponseBody, ResponseFuture};
pub use challenge::{BearerError, Challenge};
pub use local::{LocalPrincipal, LocalPrincipalLayer};
pub use metadata::ResourceMetadata;
pub use verify::*;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
