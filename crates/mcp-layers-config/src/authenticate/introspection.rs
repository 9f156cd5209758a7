//! Token introspection.

use std::sync::Arc;

use mcp_layers_authenticate::{Introspection, Verify};
use serde::{Deserialize, Serialize};

use super::{cache::VerifierCacheSettings, claims::ClaimSettings, claims::with_claims};
use crate::{
    error::{ConfigError, at},
    value::{
        Secret, TimeSpan,
        defaults::{millis, number, secs},
    },
};

/// Opaque tokens of one issuer: `[authenticate.introspection.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IntrospectionSettings {
    /// The URL of the endpoint: `https`, or `http` to a loopback address.
    pub url: String,
    /// The issuer.
    pub issuer: String,
    /// The audience, usually the URL of the server.
    #[serde(default)]
    pub audience: Option<String>,
    /// Accepts tokens for any audience, in place of `audience`.
    #[serde(default)]
    pub accepting_tokens_meant_for_others: bool,
    /// Also accepts `http` to any host. An attacker in the network can steal every token.
    #[serde(default)]
    pub dangerously_over_plain_http: bool,
    /// Authenticates as an OAuth client; not by default.
    #[serde(default)]
    pub basic_auth: Option<BasicAuthSettings>,
    /// Authenticates with a bearer token; not by default.
    #[serde(default)]
    pub bearer_auth: Option<Secret>,
    /// The most requests that are sent at once.
    #[serde(default = "number::<64>")]
    pub max_in_flight: usize,
    /// The time that a request waits when so many are sent.
    #[serde(default = "millis::<500>")]
    pub max_wait: TimeSpan,
    /// The time limit for a response.
    #[serde(default = "secs::<5>")]
    pub timeout: TimeSpan,
    /// The rules for claims.
    #[serde(default)]
    pub claims: ClaimSettings,
    /// The cache of verified tokens.
    #[serde(default)]
    pub cache: VerifierCacheSettings,
}

/// An OAuth client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BasicAuthSettings {
    /// The id of the client.
    pub client_id: String,
    /// The secret of the client.
    pub secret: Secret,
}

impl IntrospectionSettings {
    /// The verifier, and the texts from outside of the settings that it was made from.
    pub(super) fn verifier(&self, path: &str) -> Result<(String, Arc<dyn Verify>), ConfigError> {
        let (secret, verifier) = self.uncached(path)?;
        let cached = self.cache.around(verifier, &format!("{path}.cache"))?;
        Ok((secret, cached))
    }

    fn uncached(&self, path: &str) -> Result<(String, Introspection), ConfigError> {
        let mut verifier = self.start(path)?;
        let mut secret = String::new();
        match (&self.basic_auth, &self.bearer_auth) {
            (None, None) => {}
            (Some(basic), None) => {
                let read = basic.secret.read();
                secret = read.map_err(at(format!("{path}.basic_auth.secret")))?;
                verifier = verifier.basic_auth(&basic.client_id, &secret);
            }
            (None, Some(token)) => {
                secret = token.read().map_err(at(format!("{path}.bearer_auth")))?;
                verifier = verifier.bearer_auth(secret.as_str());
            }
            (Some(_), Some(_)) => {
                let problem = "set either `basic_auth` or `bearer_auth`";
                return Err(ConfigError::new(path, problem));
            }
        }
        let verifier = with_claims!(verifier, &self.claims, format!("{path}.claims"))
            .timeout(self.timeout.get())
            .max_wait(self.max_wait.get())
            .max_in_flight(self.max_in_flight)
            .map_err(at(format!("{path}.max_in_flight")))?;
        Ok((secret, verifier))
    }

    fn start(&self, path: &str) -> Result<Introspection, ConfigError> {
        let (url, issuer) = (self.url.as_str(), self.issuer.as_str());
        let any_audience = self.accepting_tokens_meant_for_others;
        let verifier = match (
            &self.audience,
            any_audience,
            self.dangerously_over_plain_http,
        ) {
            (Some(audience), false, false) => Introspection::new(url, issuer, audience.as_str()),
            (Some(audience), false, true) => {
                Introspection::dangerously_over_plain_http(url, issuer, audience.as_str())
            }
            (None, true, false) => Introspection::accepting_tokens_meant_for_others(url, issuer),
            _ => {
                let problem = "set either `audience` or `accepting_tokens_meant_for_others`, and \
                               `dangerously_over_plain_http` with `audience` alone";
                return Err(ConfigError::new(path, problem));
            }
        };
        verifier.map_err(at(path))
    }

    pub(super) fn secrets(&self, path: &str) -> Vec<(String, &Secret)> {
        let basic = self.basic_auth.as_ref();
        let basic = basic.map(|basic| (format!("{path}.basic_auth.secret"), &basic.secret));
        let bearer = self.bearer_auth.as_ref();
        let bearer = bearer.map(|token| (format!("{path}.bearer_auth"), token));
        basic.into_iter().chain(bearer).collect()
    }
}

#[cfg(test)]
#[path = "../../tests/unit/introspection.rs"]
mod tests;
