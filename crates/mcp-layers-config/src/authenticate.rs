//! The table `authenticate`.

mod api_key;
mod cache;
#[cfg(any(feature = "authenticate-jwt", feature = "authenticate-remote"))]
mod claims;
#[cfg(feature = "authenticate-remote")]
mod introspection;
#[cfg(feature = "authenticate-jwt")]
mod jwt;
mod layer;
mod metadata;
mod verifiers;

pub use api_key::ApiKeySettings;
pub use cache::VerifierCacheSettings;
#[cfg(any(feature = "authenticate-jwt", feature = "authenticate-remote"))]
pub use claims::ClaimSettings;
#[cfg(feature = "authenticate-remote")]
pub use introspection::{BasicAuthSettings, IntrospectionSettings};
#[cfg(all(feature = "authenticate-jwt", feature = "authenticate-remote"))]
pub use jwt::RemoteKeySetSettings;
#[cfg(feature = "authenticate-jwt")]
pub use jwt::{JwtSettings, KeySetSettings};
pub use layer::AuthenticateSettings;
pub use metadata::MetadataSettings;
