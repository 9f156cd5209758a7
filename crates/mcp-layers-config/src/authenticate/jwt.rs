//! JSON web tokens.

use std::{path::PathBuf, sync::Arc};

use mcp_layers_authenticate::{JwtVerifier, KeySet, Keys, Verify};
use serde::{Deserialize, Serialize};

use super::{cache::VerifierCacheSettings, claims::ClaimSettings, claims::with_claims};
use crate::{
    error::{ConfigError, at},
    value::{ByteSize, defaults::bytes},
};

/// JSON web tokens of one issuer: `[authenticate.jwt.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JwtSettings {
    /// The issuer.
    pub issuer: String,
    /// The audience, usually the URL of the server.
    #[serde(default)]
    pub audience: Option<String>,
    /// Accepts tokens for any audience, in place of `audience`.
    #[serde(default)]
    pub accepting_tokens_meant_for_others: bool,
    /// The keys of the issuer.
    pub keys: KeySetSettings,
    /// The maximum size of a token.
    #[serde(default = "bytes::<{ 16 << 10 }>")]
    pub max_token: ByteSize,
    /// Accepts only tokens whose header has the `typ` `at+jwt`.
    #[serde(default)]
    pub only_access_tokens: bool,
    /// The rules for claims.
    #[serde(default)]
    pub claims: ClaimSettings,
    /// The cache of verified tokens; none by default.
    #[serde(default)]
    pub cache: Option<VerifierCacheSettings>,
}

/// The keys of an issuer: `{ jwks = "/path" }`, `{ pem = "/path" }` or `{ remote = { url = "https://…" } }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeySetSettings {
    /// A file with a JSON web key set.
    Jwks(PathBuf),
    /// A file with a public key in PEM.
    Pem(PathBuf),
    /// A key set that is fetched from the issuer.
    #[cfg(feature = "authenticate-remote")]
    Remote(RemoteKeySetSettings),
}

impl JwtSettings {
    /// The verifier, and the texts from outside of the settings that it was made from.
    pub(super) fn verifier(&self, path: &str) -> Result<(String, Arc<dyn Verify>), ConfigError> {
        let (text, keys) = self.keys.keys(&format!("{path}.keys"))?;
        let verifier = self.uncached(path, keys)?;
        let verifier: Arc<dyn Verify> = match &self.cache {
            Some(cache) => cache.around(verifier, &format!("{path}.cache"))?,
            None => Arc::new(verifier),
        };
        Ok((text, verifier))
    }

    fn uncached(&self, path: &str, keys: Keys) -> Result<JwtVerifier, ConfigError> {
        let issuer = self.issuer.as_str();
        let verifier = match (&self.audience, self.accepting_tokens_meant_for_others) {
            (Some(audience), false) => JwtVerifier::new(issuer, audience.as_str(), keys),
            (None, true) => JwtVerifier::accepting_tokens_meant_for_others(issuer, keys),
            _ => {
                let problem = "set either `audience` or `accepting_tokens_meant_for_others`";
                return Err(ConfigError::new(path, problem));
            }
        };
        let verifier = verifier.map_err(at(path))?;
        let verifier = with_claims!(verifier, &self.claims, format!("{path}.claims"));
        let verifier = verifier.max_token(self.max_token.in_memory());
        let verifier = verifier.map_err(at(format!("{path}.max_token")))?;
        Ok(match self.only_access_tokens {
            true => verifier.only_access_tokens(),
            false => verifier,
        })
    }
}

impl KeySetSettings {
    /// The keys, and the text of their file.
    fn keys(&self, path: &str) -> Result<(String, Keys), ConfigError> {
        let (file, parse): (_, fn(&str) -> Result<KeySet, _>) = match self {
            Self::Jwks(file) => (file, KeySet::from_jwks),
            Self::Pem(file) => (file, KeySet::from_pem),
            #[cfg(feature = "authenticate-remote")]
            Self::Remote(remote) => return Ok((String::new(), remote.key_set(path)?.into())),
        };
        let text = std::fs::read_to_string(file).map_err(at(path))?;
        let keys = parse(&text).map_err(at(path))?;
        Ok((text, keys.into()))
    }
}

#[cfg(feature = "authenticate-remote")]
pub use remote::RemoteKeySetSettings;

#[cfg(feature = "authenticate-remote")]
mod remote {
    use mcp_layers_authenticate::RemoteKeySet;
    use serde::{Deserialize, Serialize};

    use crate::{
        error::{ConfigError, at},
        value::{
            ByteSize, TimeSpan,
            defaults::{bytes, secs},
        },
    };

    /// A key set that is fetched from the issuer.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    pub struct RemoteKeySetSettings {
        /// The URL: `https`, or `http` to a loopback address.
        pub url: String,
        /// Also accepts `http` to any host. An attacker in the network can replace the keys.
        #[serde(default)]
        pub dangerously_over_plain_http: bool,
        /// The time limit for a response.
        #[serde(default = "secs::<5>")]
        pub timeout: TimeSpan,
        /// The minimum time between two fetches.
        #[serde(default = "default_cooldown")]
        pub cooldown: TimeSpan,
        /// The maximum age of a set.
        #[serde(default = "secs::<600>")]
        pub max_age: TimeSpan,
        /// The time beyond its age for which a set is used while fetches fail.
        #[serde(default = "secs::<3_600>")]
        pub stale_if_error: TimeSpan,
        /// The maximum size of a set.
        #[serde(default = "bytes::<{ 256 << 10 }>")]
        pub max_bytes: ByteSize,
    }

    fn default_cooldown() -> TimeSpan {
        RemoteKeySet::DEFAULT_COOLDOWN.into()
    }

    impl RemoteKeySetSettings {
        pub(super) fn key_set(&self, path: &str) -> Result<RemoteKeySet, ConfigError> {
            let keys = match self.dangerously_over_plain_http {
                true => RemoteKeySet::dangerously_over_plain_http(&self.url),
                false => RemoteKeySet::new(&self.url),
            };
            let keys = keys
                .map_err(at(format!("{path}.remote.url")))?
                .timeout(self.timeout.get())
                .cooldown(self.cooldown.get())
                .max_age(self.max_age.get())
                .stale_if_error(self.stale_if_error.get())
                .max_bytes(self.max_bytes.in_memory());
            keys.map_err(at(format!("{path}.remote.max_bytes")))
        }
    }
}

#[cfg(all(test, feature = "authenticate-remote"))]
#[path = "../../tests/unit/jwt.rs"]
mod tests;
