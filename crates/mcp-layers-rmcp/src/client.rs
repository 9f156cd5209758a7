//! Layers around the calls of an rmcp client.

mod call;
mod typed;
mod upstream;

pub use call::{UpstreamCancelled, UpstreamRequest};
pub use typed::LayeredClient;
pub use upstream::{Upstream, UpstreamFuture};
