//! Layers around the calls of an rmcp client.

mod call;
mod progress;
mod typed;
mod upstream;

pub use call::{UpstreamCancelled, UpstreamRequest};
pub use progress::ProgressTokens;
pub use typed::LayeredClient;
pub use upstream::{Upstream, UpstreamFuture};
