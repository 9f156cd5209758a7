//! The layer that authenticates HTTP requests.

mod body;
mod credential_header;
mod handle;
mod layer;
mod message_id;
mod origin;
mod reason;
mod response;
mod service;
mod settings;

pub use body::{RequestBody, ResponseBody};
pub use handle::{AuthenticateHandle, AuthenticateStats};
pub use layer::AuthenticateLayer;
pub use reason::RefusalReason;
pub use service::{Authenticate, ResponseFuture};
