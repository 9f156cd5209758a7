//! Verification of JSON web tokens (RFC 7519), by the rules of RFC 8725 and RFC 9068.

use std::time::Duration;

use mcp_layers_core::{Clock, ConfigError};

use super::claims::{ClaimRules, claim_setters};
use super::{Credential, Keys, Refusal, Verified, Verify, VerifyFuture, jwt::Token};
use crate::positive::positive;

/// Verifies JSON web tokens (JWTs) of one issuer for one audience.
///
/// 1. `iss` equals the issuer character by character. `aud` is the audience, or an array that
///    contains it. `sub` and `exp` are required. `exp`, `nbf` and `iat` are checked with some leeway.
/// 2. The algorithm follows from the key: `none` and shared secrets (`HS256`) are never accepted.
/// 3. A claim of the wrong type, a duplicate key, a critical header (`crit`, RFC 7515, section
///    4.1.11), and a `typ` other than `JWT` and `at+jwt` refuse the token. So do a `cnf` (a token
///    bound to a key), and a claim `token_use`, `token_type` or `typ` that names a refresh or ID
///    token.
/// 4. `jku`, `x5u`, `jwk` and `x5c` in the header are ignored.
/// 5. Everything that needs no key is checked first: a token that is too large, malformed, expired
///    or from another issuer causes no cryptography and no fetch of keys.
/// 6. The principal has `sub`, `iss`, `client_id` (or `azp`), the scopes of `scope` (or, where there
///    is no `scope`, of `scp`), `roles`, `exp`, the tenant if [`JwtVerifier::tenant_claim`] names
///    its claim, and the SHA-256 digest of the token.
///
/// To change keys while the server runs, use a `RemoteKeySet`, or wrap this in a
/// [`Replaceable`](crate::Replaceable).
#[derive(Debug, Clone)]
pub struct JwtVerifier {
    keys: Keys,
    rules: ClaimRules,
    max_token: usize,
    only_access_tokens: bool,
    clock: Clock,
}

impl JwtVerifier {
    /// Accepts tokens of this issuer for this audience, usually the URL of the MCP server (MCP,
    /// "Authorization", "Token audience binding"; RFC 8707).
    ///
    /// # Errors
    ///
    /// The issuer or the audience is empty.
    pub fn new(
        issuer: impl Into<Box<str>>,
        audience: impl Into<Box<str>>,
        keys: impl Into<Keys>,
    ) -> Result<Self, ConfigError> {
        Self::build(issuer.into(), Some(audience.into()), keys.into())
    }

    /// Accepts tokens of this issuer **for any audience**. A token that was issued for another
    /// service is accepted then, which MCP forbids. Use it only for issuers that set no audience and
    /// whose tokens are for this server alone.
    ///
    /// # Errors
    ///
    /// The issuer is empty.
    pub fn accepting_tokens_meant_for_others(
        issuer: impl Into<Box<str>>,
        keys: impl Into<Keys>,
    ) -> Result<Self, ConfigError> {
        Self::build(issuer.into(), None, keys.into())
    }

    fn build(
        issuer: Box<str>,
        audience: Option<Box<str>>,
        keys: Keys,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            keys,
            rules: ClaimRules::new(issuer, audience, true)?,
            max_token: 16 * 1024,
            only_access_tokens: false,
            clock: Clock::default(),
        })
    }

    fn set_rules(mut self, set: impl FnOnce(&mut ClaimRules)) -> Self {
        set(&mut self.rules);
        self
    }

    claim_setters!();

    /// Sets the maximum size of a token in bytes; 16 KiB by default.
    ///
    /// # Errors
    ///
    /// The size is 0.
    pub fn max_token(mut self, bytes: usize) -> Result<Self, ConfigError> {
        self.max_token = positive(bytes, "max_token")?;
        Ok(self)
    }

    /// Accepts only tokens whose header has the `typ` `at+jwt` (RFC 9068, section 2.1), which excludes
    /// ID tokens. Not by default, because many issuers do not set it.
    #[must_use]
    pub fn only_access_tokens(mut self) -> Self {
        self.only_access_tokens = true;
        self
    }

    /// Sets the clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    async fn decide(&self, credential: &Credential) -> Result<Verified, Refusal> {
        let refused = |fault| Refusal::invalid().because(fault);
        let text = credential.as_str();
        if text.len() > self.max_token {
            return Err(refused("too large"));
        }
        let token = Token::parse(text, self.only_access_tokens).map_err(refused)?;
        let now = self.clock.wall();
        let verified = self.rules.verify(&token.payload, now, credential);
        let verified = verified.map_err(refused)?;
        if self.keys.have_signed(&token).await? {
            Ok(verified)
        } else {
            Err(refused("signed by no known key"))
        }
    }
}

impl Verify for JwtVerifier {
    fn verify(&self, credential: &Credential) -> VerifyFuture {
        let (this, credential) = (self.clone(), credential.clone());
        Box::pin(async move { this.decide(&credential).await })
    }
}
