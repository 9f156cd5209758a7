//! The source of an issuer's keys.

#[cfg(feature = "remote")]
use super::remote_key_set::RemoteKeySet;
use super::{
    jwt::{KeySet, Match, Token},
    refusal::Refusal,
};

/// The keys of an issuer: a [`KeySet`] that does not change, or a `RemoteKeySet` that is fetched
/// (feature `remote`).
#[derive(Debug, Clone)]
pub struct Keys(Source);

#[derive(Debug, Clone)]
enum Source {
    Fixed(KeySet),
    #[cfg(feature = "remote")]
    Remote(RemoteKeySet),
}

impl Keys {
    /// Returns whether one of the keys signed the token.
    #[cfg_attr(not(feature = "remote"), allow(clippy::unused_async))]
    pub(super) async fn have_signed(&self, token: &Token<'_>) -> Result<bool, Refusal> {
        match &self.0 {
            Source::Fixed(keys) => Ok(keys.verify(token) == Match::Signed),
            #[cfg(feature = "remote")]
            Source::Remote(keys) => keys.have_signed(token).await,
        }
    }
}

impl From<KeySet> for Keys {
    fn from(keys: KeySet) -> Self {
        Self(Source::Fixed(keys))
    }
}

#[cfg(feature = "remote")]
impl From<RemoteKeySet> for Keys {
    fn from(keys: RemoteKeySet) -> Self {
        Self(Source::Remote(keys))
    }
}
