//! Where the keys come from.

use super::{KeySet, key_set::Answer, token::Token};
use crate::Refusal;
#[cfg(feature = "remote")]
use crate::verify::RemoteKeySet;

/// The keys of an issuer: a [`KeySet`] that stays, or one that is fetched (`RemoteKeySet`, feature
/// `remote`).
#[derive(Debug, Clone)]
pub struct Keys(Source);

#[derive(Debug, Clone)]
enum Source {
    Fixed(KeySet),
    #[cfg(feature = "remote")]
    Remote(RemoteKeySet),
}

/// Whether a key made the signature of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Yes,
    No,
}

impl Keys {
    #[cfg_attr(not(feature = "remote"), allow(clippy::unused_async))]
    pub(super) async fn verify(&self, token: &Token<'_>) -> Result<Found, Refusal> {
        match &self.0 {
            Source::Fixed(keys) => Ok(match keys.verify(token) {
                Answer::Signed => Found::Yes,
                Answer::Forged | Answer::Unknown => Found::No,
            }),
            #[cfg(feature = "remote")]
            Source::Remote(keys) => keys.verify(token).await,
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
