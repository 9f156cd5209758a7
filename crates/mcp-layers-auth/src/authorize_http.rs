//! At the HTTP edge: the same policy, before the transport of MCP sees the request.

mod answer;
mod body;
mod future;
mod judging;
mod layer;
mod messages;
mod service;

pub use future::AuthorizeHttpFuture;
pub use layer::AuthorizeHttpLayer;
pub use service::AuthorizeHttp;
