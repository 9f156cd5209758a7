//! JSON web tokens (RFC 7519), by the rules of RFC 8725 and RFC 9068.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use mcp_layers_core::{ConfigError, SystemClock};

use self::token::Token;
use super::{BoxVerdict, Credential, Refusal, Verified, Verify, WallClock, claims::Expected};

mod algorithm;
mod key;
mod key_set;
mod keys;
mod token;

#[cfg(feature = "remote")]
pub(super) use key_set::Answer;
pub use key_set::KeySet;
pub(super) use keys::Found;
pub use keys::Keys;
#[cfg(feature = "remote")]
pub(super) use token::Token as UnverifiedToken;

/// Verifies JSON web tokens of one issuer, for one audience.
///
/// 1. `iss` is the issuer, character by character. `aud` is the audience, or an array that has it.
///    `sub` and `exp` are there. `exp` and `nbf` are checked, with some leeway.
/// 2. The algorithm follows from the key: `none` and shared secrets (`HS256`) are never accepted.
/// 3. A claim of the wrong type, a key that stands twice, a critical header (`crit`, RFC 7515,
///    section 4.1.11), and a `typ` other than `JWT` and `at+jwt` refuse the token.
/// 4. `jku`, `x5u`, `jwk` and `x5c` in the header are not looked at.
/// 5. Everything that needs no key is checked first: a token that is too large, malformed, expired
///    or of another issuer costs no cryptography, and no fetch of keys.
/// 6. The principal has `sub`, `iss`, `client_id` (or `azp`), the scopes of `scope` (or `scp`),
///    `roles`, `exp`, the tenant if [`JwtVerifier::tenant_claim`] names its claim, and the SHA-256
///    digest of the token.
#[derive(Debug, Clone)]
pub struct JwtVerifier<C = SystemClock> {
    settings: Arc<Settings>,
    keys: Keys,
    clock: C,
}

#[derive(Debug, Clone)]
struct Settings {
    expected: Expected,
    max_token: usize,
    only_access_tokens: bool,
}

impl JwtVerifier {
    /// The default of [`JwtVerifier::max_token`]: 16 KiB.
    pub const DEFAULT_MAX_TOKEN: NonZeroUsize = NonZeroUsize::MIN.saturating_add(16 * 1024 - 1);

    /// Tokens of this issuer, for this audience: the URL of the MCP server, as a rule (MCP,
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
        Self::build(issuer.into(), Some(vec![audience.into()]), keys.into())
    }

    /// Tokens of this issuer, **whoever they are meant for**. A token that another service got can
    /// be used here then, and MCP forbids it; it is for issuers that give no audience, where
    /// nothing else accepts their tokens.
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
        audiences: Option<Vec<Box<str>>>,
        keys: Keys,
    ) -> Result<Self, ConfigError> {
        let no_audience = audiences
            .iter()
            .flatten()
            .any(|audience| audience.is_empty());
        if issuer.is_empty() || no_audience {
            return Err(ConfigError::new("issuer and audience are not empty"));
        }
        let settings = Settings {
            expected: Expected::new(issuer, audiences, true),
            max_token: Self::DEFAULT_MAX_TOKEN.get(),
            only_access_tokens: false,
        };
        Ok(Self {
            settings: Arc::new(settings),
            keys,
            clock: SystemClock::default(),
        })
    }
}

impl<C: WallClock> JwtVerifier<C> {
    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(Arc::make_mut(&mut self.settings));
        self
    }

    /// Accepts this audience too.
    #[must_use]
    pub fn or_audience(self, audience: impl Into<Box<str>>) -> Self {
        self.set(|settings| {
            let audiences = &mut settings.expected.audiences;
            audiences.iter_mut().for_each({
                let audience = audience.into();
                move |have| have.push(audience.clone())
            });
        })
    }

    /// By how much clocks may differ, for `exp` and `nbf`; 30 s by default.
    #[must_use]
    pub fn leeway(self, leeway: Duration) -> Self {
        self.set(|settings| settings.expected.leeway = leeway)
    }

    /// The largest token, in bytes; 16 KiB by default.
    #[must_use]
    pub fn max_token(self, bytes: NonZeroUsize) -> Self {
        self.set(|settings| settings.max_token = bytes.get())
    }

    /// How many scopes, roles and audiences each a token may have; 256 by default. One with more
    /// is refused.
    #[must_use]
    pub fn max_scopes(self, max: NonZeroUsize) -> Self {
        self.set(|settings| settings.expected.max_names = max.get())
    }

    /// The claim, a string, that has the tenant.
    #[must_use]
    pub fn tenant_claim(self, claim: impl Into<Box<str>>) -> Self {
        self.set(|settings| settings.expected.tenant_claim = Some(claim.into()))
    }

    /// Accepts only tokens whose header has `typ` `at+jwt` (RFC 9068, section 2.1): no identity
    /// tokens. Not by default, because many issuers do not set it.
    #[must_use]
    pub fn only_access_tokens(self) -> Self {
        self.set(|settings| settings.only_access_tokens = true)
    }

    /// Where the time is read.
    #[must_use]
    pub fn clock<D: WallClock>(self, clock: D) -> JwtVerifier<D> {
        JwtVerifier {
            settings: self.settings,
            keys: self.keys,
            clock,
        }
    }
}

impl<C: WallClock> Verify for JwtVerifier<C> {
    // A token that is verified here is new: one box beside the cryptography.
    type Future = BoxVerdict;

    fn verify(&self, credential: &Credential) -> BoxVerdict {
        let verifier = self.clone();
        let credential = credential.clone();
        Box::pin(async move { verifier.settings.verify(&credential, &verifier).await })
    }
}

impl Settings {
    async fn verify<C: WallClock>(
        &self,
        credential: &Credential,
        verifier: &JwtVerifier<C>,
    ) -> Result<Verified, Refusal> {
        let refused = |fault| Refusal::invalid().because(fault);
        let text = credential.as_str();
        if text.len() > self.max_token {
            return Err(refused("too large"));
        }
        let token = Token::parse(text, self.only_access_tokens).map_err(refused)?;
        let claims = token.claims(&self.expected, verifier.clock.wall());
        let claims = claims.map_err(refused)?;

        if let Found::No = verifier.keys.verify(&token).await? {
            return Err(refused("no key made this signature"));
        }

        let principal = self.expected.principal(&claims, credential.digest());
        let verified = Verified::new(principal);
        Ok(match claims.token_id {
            Some(id) => verified.with_token_id(id),
            None => verified,
        })
    }
}
