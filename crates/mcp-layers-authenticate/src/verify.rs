//! Verifiers: from a credential to a principal.

mod api_keys;
mod cached;
#[cfg(any(feature = "__jwt", feature = "remote"))]
mod claims;
mod credential;
#[cfg(feature = "remote")]
mod endpoint;
mod first_of;
#[cfg(feature = "remote")]
mod introspection;
#[cfg(feature = "__jwt")]
mod jwt;
#[cfg(feature = "__jwt")]
mod jwt_verifier;
#[cfg(feature = "__jwt")]
mod keys;
mod refusal;
#[cfg(all(feature = "remote", feature = "__jwt"))]
mod remote_key_set;
mod replaceable;
mod revocable;
mod single_flight;
#[cfg(any(feature = "__jwt", feature = "remote"))]
mod strict_json;
mod verified;
mod verifier;

pub use api_keys::ApiKeys;
pub use cached::CachedVerifier;
pub use credential::{Credential, Presented};
pub use first_of::FirstOf;
#[cfg(feature = "remote")]
pub use introspection::Introspection;
#[cfg(feature = "__jwt")]
pub use jwt::KeySet;
#[cfg(feature = "__jwt")]
pub use jwt_verifier::JwtVerifier;
#[cfg(feature = "__jwt")]
pub use keys::Keys;
pub use refusal::{Refusal, RefusalKind};
#[cfg(all(feature = "remote", feature = "__jwt"))]
pub use remote_key_set::RemoteKeySet;
pub use replaceable::{Replaceable, ReplaceableHandle};
pub use revocable::Revocable;
pub use verified::Verified;
pub use verifier::{Verify, VerifyFuture};
