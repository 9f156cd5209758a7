//! What asks others over HTTPS.

mod endpoint;
mod introspection;
#[cfg(feature = "__jwt")]
mod key_set;

pub use introspection::Introspection;
#[cfg(feature = "__jwt")]
pub use key_set::RemoteKeySet;
