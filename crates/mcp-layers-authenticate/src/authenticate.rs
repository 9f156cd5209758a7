//! The layer that authenticates HTTP requests.

mod body;
mod credential_header;
mod layer;
mod message_id;
mod origin;
mod reason;
mod response;
mod service;
mod settings;

pub use body::{RequestBody, ResponseBody};
pub use layer::AuthenticateLayer;
pub use reason::RefusalReason;
pub use service::{Authenticate, ResponseFuture};
