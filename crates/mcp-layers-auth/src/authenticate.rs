//! Authentication at the HTTP edge.

mod admit;
mod answer;
mod body;
mod future;
mod layer;
mod service;

pub use answer::ResponseBody;
pub use body::CappedBody;
pub use future::AuthenticateFuture;
pub use layer::AuthenticateLayer;
pub use service::Authenticate;
