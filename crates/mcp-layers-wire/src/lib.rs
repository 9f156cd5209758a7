//! Tower layers in front of any MCP server.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod encode;
mod error;
mod id;
mod members;
mod merge;
mod message;
#[cfg(feature = "pipe")]
#[cfg_attr(docsrs, doc(cfg(feature = "pipe")))]
pub mod pipe;
mod sketch;

pub use error::WireError;
#[cfg(feature = "pipe")]
#[cfg_attr(docsrs, doc(cfg(feature = "pipe")))]
pub use pipe::Pipe;
