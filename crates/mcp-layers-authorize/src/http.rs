//! The HTTP edge: the same policy, before the transport of MCP reads the request.

mod answer;
mod decision;
mod edge;
mod layer;
mod message;
mod service;

pub use layer::AuthorizeHttpLayer;
pub use service::AuthorizeHttp;
