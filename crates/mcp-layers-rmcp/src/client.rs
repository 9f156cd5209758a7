//! Layers around the calls of an rmcp client.

mod http_status;
mod layered_client;
mod layers;
mod progress;
mod request;
mod upstream;

pub use layered_client::LayeredClient;
pub use layers::UpstreamLayers;
pub use progress::ProgressTokens;
pub use request::{UpstreamCancelled, UpstreamRequest};
pub use upstream::{Upstream, UpstreamFuture};
