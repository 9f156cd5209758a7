//! Layers around an rmcp server.

mod answer;
mod ask;
mod dispatch;
mod handler;
#[cfg(feature = "http")]
mod http;
mod layers;
mod leaf;
mod notifications;
mod received;
mod request;
mod service;
mod stack;
mod waits;

pub use ask::ask;
pub use handler::LayeredHandler;
pub use layers::RmcpLayers;
pub use leaf::{Leaf, LeafFuture};
pub use notifications::{ObserveNotifications, RmcpNotification, observe_notifications};
pub use request::{RmcpCancelled, RmcpRequest};
pub use service::LayeredService;
pub use stack::{Layered, Stack};
