//! The source of an issuer's keys.

#[cfg(feature = "remote")]
use super::RemoteKeySet;
use super::{Refusal, jwt::KeySet, jwt::Match, jwt::Token};

/// The keys of an issuer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Keys {
    /// Keys that do not change.
    Fixed(KeySet),
    /// Keys that are fetched from the issuer.
    #[cfg(feature = "remote")]
    Remote(RemoteKeySet),
}

impl Keys {
    /// Returns whether one of the keys signed the token.
    #[cfg_attr(not(feature = "remote"), allow(clippy::unused_async))]
    pub(super) async fn have_signed(&self, token: &Token<'_>) -> Result<bool, Refusal> {
        match self {
            Self::Fixed(keys) => Ok(keys.verify(token) == Match::Signed),
            #[cfg(feature = "remote")]
            Self::Remote(keys) => keys.have_signed(token).await,
        }
    }
}

impl From<KeySet> for Keys {
    fn from(keys: KeySet) -> Self {
        Self::Fixed(keys)
    }
}

#[cfg(feature = "remote")]
impl From<RemoteKeySet> for Keys {
    fn from(keys: RemoteKeySet) -> Self {
        Self::Remote(keys)
    }
}
