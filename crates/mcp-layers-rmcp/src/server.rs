//! Layers around an rmcp server.

mod ask;
mod direct;
mod handler;
#[cfg(feature = "http")]
mod http;
mod leaf;
mod observe;
mod request;
mod service;
mod spares;
mod stack;

pub use ask::ask;
pub use handler::LayeredHandler;
pub use leaf::{Leaf, LeafFuture};
pub use observe::{ObserveNotifications, RmcpNotification, observe_notifications};
pub use request::{RmcpCancelled, RmcpRequest};
pub use service::LayeredService;
pub use stack::{Layered, Stack};
