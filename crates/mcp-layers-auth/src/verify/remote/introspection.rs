//! Opaque tokens, by asking who issued them (RFC 7662).

use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use mcp_layers_core::{ConfigError, SystemClock};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::endpoint::Endpoint;
use crate::{
    Credential, Refusal, Verified, Verify, WallClock,
    verify::{BoxVerdict, claims::Expected, strict_json},
};

/// Asks the issuer whether a token is active (RFC 7662).
///
/// 1. `active` is `true`, `aud` is the audience or has it, `sub` is there; `iss`, `exp` and `nbf` are
///    checked where they are there; a claim of the wrong type refuses the token.
/// 2. An endpoint that does not answer, or not as the RFC says, is unavailable (503): never an
///    invalid token.
/// 3. At most [`Introspection::max_in_flight`] tokens are asked about at once; more are
///    unavailable.
///
/// Put a [`CachedVerifier`](crate::CachedVerifier) around it, so that not every request asks.
#[derive(Clone)]
pub struct Introspection<C = SystemClock> {
    settings: Arc<Settings>,
    in_flight: Arc<Semaphore>,
    clock: C,
}

#[derive(Clone)]
struct Settings {
    endpoint: Endpoint,
    expected: Expected,
    authorization: Authorization,
}

/// How this resource server proves itself to the endpoint (RFC 7662, section 2.1).
#[derive(Clone)]
enum Authorization {
    None,
    Basic { id: String, secret: String },
    Bearer(String),
}

impl Introspection {
    /// The default of [`Introspection::max_in_flight`].
    pub const DEFAULT_MAX_IN_FLIGHT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);

    /// Tokens of this issuer, for this audience, by its introspection endpoint.
    ///
    /// # Errors
    ///
    /// The issuer or the audience is empty, or the URL is neither `https` nor `http` to a loopback
    /// address.
    pub fn new(
        url: &str,
        issuer: impl Into<Box<str>>,
        audience: impl Into<Box<str>>,
    ) -> Result<Self, ConfigError> {
        Self::build(url, issuer.into(), Some(vec![audience.into()]))
    }

    /// Tokens of this issuer, **whoever they are meant for**: for endpoints that tell no audience,
    /// of issuers whose tokens nothing else accepts.
    ///
    /// # Errors
    ///
    /// The issuer is empty, or the URL is neither `https` nor `http` to a loopback address.
    pub fn accepting_tokens_meant_for_others(
        url: &str,
        issuer: impl Into<Box<str>>,
    ) -> Result<Self, ConfigError> {
        Self::build(url, issuer.into(), None)
    }

    fn build(
        url: &str,
        issuer: Box<str>,
        audiences: Option<Vec<Box<str>>>,
    ) -> Result<Self, ConfigError> {
        let no_audience = audiences
            .iter()
            .flatten()
            .any(|audience| audience.is_empty());
        if issuer.is_empty() || no_audience {
            return Err(ConfigError::new("issuer and audience are not empty"));
        }
        let settings = Settings {
            endpoint: Endpoint::new(url, Duration::from_secs(5), 64 * 1024)?,
            expected: Expected::new(issuer, audiences, false),
            authorization: Authorization::None,
        };
        Ok(Self {
            settings: Arc::new(settings),
            in_flight: Arc::new(Semaphore::new(Self::DEFAULT_MAX_IN_FLIGHT.get())),
            clock: SystemClock::default(),
        })
    }
}

impl<C: WallClock> Introspection<C> {
    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(Arc::make_mut(&mut self.settings));
        self
    }

    /// Authenticates at the endpoint as a client (RFC 6749, section 2.3.1).
    #[must_use]
    pub fn basic_auth(self, client_id: &str, secret: &str) -> Self {
        self.set(|settings| {
            settings.authorization = Authorization::Basic {
                id: settings.endpoint.encoded(client_id),
                secret: settings.endpoint.encoded(secret),
            };
        })
    }

    /// Authenticates at the endpoint by a token.
    #[must_use]
    pub fn bearer_auth(self, token: impl Into<String>) -> Self {
        self.set(|settings| settings.authorization = Authorization::Bearer(token.into()))
    }

    /// The claim, a string, that has the tenant.
    #[must_use]
    pub fn tenant_claim(self, claim: impl Into<Box<str>>) -> Self {
        self.set(|settings| settings.expected.tenant_claim = Some(claim.into()))
    }

    /// By how much clocks may differ, for `exp` and `nbf`; 30 s by default.
    #[must_use]
    pub fn leeway(self, leeway: Duration) -> Self {
        self.set(|settings| settings.expected.leeway = leeway)
    }

    /// How long an answer may take; 5 s by default.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.endpoint.timeout = timeout)
    }

    /// How many tokens are asked about at once; 64 by default.
    #[must_use]
    pub fn max_in_flight(mut self, max: NonZeroUsize) -> Self {
        let permits = max.get().min(Semaphore::MAX_PERMITS);
        self.in_flight = Arc::new(Semaphore::new(permits));
        self
    }

    /// Where the time is read.
    #[must_use]
    pub fn clock<D: WallClock>(self, clock: D) -> Introspection<D> {
        Introspection {
            settings: self.settings,
            in_flight: self.in_flight,
            clock,
        }
    }
}

impl<C: WallClock> Verify for Introspection<C> {
    // There is I/O on the way: one box beside it.
    type Future = BoxVerdict;

    fn verify(&self, credential: &Credential) -> BoxVerdict {
        let (asked, credential) = (self.clone(), credential.clone());
        Box::pin(async move {
            let Ok(_permit) = asked.in_flight.try_acquire() else {
                return Err(Refusal::unavailable(None).because("too many tokens are asked about"));
            };
            asked.settings.ask(&credential, &asked.clock).await
        })
    }
}

impl Settings {
    async fn ask<C: WallClock>(
        &self,
        credential: &Credential,
        clock: &C,
    ) -> Result<Verified, Refusal> {
        let form = [
            ("token", credential.as_str()),
            ("token_type_hint", "access_token"),
        ];
        let request = self.endpoint.request(Method::POST).form(&form);
        let body = self.endpoint.read(self.authorization.add_to(request)).await;
        let body = body.map_err(|error| Refusal::unavailable(None).because(error))?;

        let useless = || Refusal::unavailable(None).because("the answer is no introspection");
        let map = strict_json::object(&body).ok_or_else(useless)?;
        match map.get("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Err(Refusal::invalid().because("not active")),
            _ => return Err(useless()),
        }
        let claims = self.expected.check(&map, clock.wall());
        let claims = claims.map_err(|fault| Refusal::invalid().because(fault))?;
        let verified = Verified::new(self.expected.principal(&claims, credential.digest()));
        Ok(match claims.token_id {
            Some(id) => verified.with_token_id(id),
            None => verified,
        })
    }
}

impl Authorization {
    fn add_to(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => request,
            Self::Basic { id, secret } => request.basic_auth(id, Some(secret)),
            Self::Bearer(token) => request.bearer_auth(token),
        }
    }
}

impl<C> fmt::Debug for Introspection<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("endpoint", &self.settings.endpoint)
            .field("expected", &self.settings.expected)
            .finish_non_exhaustive()
    }
}
