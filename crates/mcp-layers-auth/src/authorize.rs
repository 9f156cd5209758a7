//! At every MCP request: may this principal.

mod after;
mod ask;
mod catalogue;
mod filtering;
mod future;
mod judge;
mod judging;
mod layer;
mod refusal;
mod service;
mod shared;

pub use future::AuthorizeFuture;
pub use layer::AuthorizeLayer;
pub use service::Authorize;

pub(crate) use ask::{Asked, ask_about};
pub(crate) use filtering::Filtering;
pub(crate) use judge::Judge;
pub(crate) use refusal::{Refusal, What, unknown};
pub(crate) use shared::{Settings, Shared};
