//! The HTTP edge: the same policy, before the transport of MCP reads the request.

mod answer;
mod decision;
mod edge;
mod future;
mod layer;
mod message;
mod service;

pub use future::AuthorizeHttpFuture;
pub use layer::AuthorizeHttpLayer;
pub use service::AuthorizeHttp;
