//! Opaque tokens, verified by the issuer's introspection endpoint (RFC 7662).

use std::{fmt, sync::Arc, time::Duration};

use mcp_layers_core::{Clock, ConfigError};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::{sync::Semaphore, time};

use super::claims::{ClaimRules, claim_setters};
use super::endpoint::{Endpoint, Schemes, endpoint_setters};
use super::single_flight::{Key, SingleFlight};
use super::{Credential, Refusal, Verified, Verify, VerifyFuture, strict_json};
use crate::positive::positive;

/// The largest answer that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// Verifies opaque tokens by token introspection (RFC 7662).
///
/// 1. `active` is `true`, `aud` is the audience or contains it, and `sub` is present. `iss`, `exp`,
///    `nbf` and `iat` are checked if present. A claim of the wrong type refuses the token.
/// 2. Only bearer access tokens are accepted. A `token_type`, `token_use` or `typ` that names
///    another type (refresh token, ID token, DPoP) and a `cnf` (a token bound to a key) refuse the
///    token.
/// 3. An endpoint that does not answer as the RFC says makes the verifier unavailable (503). It
///    never makes a token invalid.
/// 4. One request at a time is sent for each token. At most [`Introspection::max_in_flight`]
///    requests are sent at once; others wait for [`Introspection::max_wait`] and are unavailable
///    then.
///
/// Wrap it in a [`CachedVerifier`](crate::CachedVerifier), so that not every request causes one to
/// the issuer. It needs a tokio runtime.
#[derive(Clone)]
pub struct Introspection {
    settings: Settings,
    in_flight: Arc<Semaphore>,
    flights: SingleFlight,
}

#[derive(Clone)]
struct Settings {
    endpoint: Endpoint,
    rules: ClaimRules,
    authorization: Authorization,
    max_wait: Duration,
    clock: Clock,
}

/// The authentication of this resource server at the endpoint (RFC 7662, section 2.1).
#[derive(Clone)]
enum Authorization {
    None,
    Basic { id: String, secret: String },
    Bearer(String),
}

impl Introspection {
    /// Accepts tokens of this issuer for this audience, verified by its introspection endpoint.
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
        let audience = Some(audience.into());
        Self::build(url, Schemes::Secure, issuer.into(), audience)
    }

    /// Accepts tokens of this issuer **for any audience**, for endpoints that return no audience.
    /// Use it only for issuers whose tokens are for this server alone: otherwise a token that was
    /// issued for another service is accepted here.
    ///
    /// # Errors
    ///
    /// The issuer is empty, or the URL is neither `https` nor `http` to a loopback address.
    pub fn accepting_tokens_meant_for_others(
        url: &str,
        issuer: impl Into<Box<str>>,
    ) -> Result<Self, ConfigError> {
        Self::build(url, Schemes::Secure, issuer.into(), None)
    }

    /// Sends tokens **unencrypted**, to an `http` URL of any host. An attacker in the network can
    /// steal every token and have any token accepted. It is for networks that encrypt all traffic,
    /// such as a service mesh inside a cluster.
    ///
    /// # Errors
    ///
    /// The issuer or the audience is empty, or the URL is neither `https` nor `http`.
    pub fn dangerously_over_plain_http(
        url: &str,
        issuer: impl Into<Box<str>>,
        audience: impl Into<Box<str>>,
    ) -> Result<Self, ConfigError> {
        let audience = Some(audience.into());
        Self::build(url, Schemes::PlainHttp, issuer.into(), audience)
    }

    fn build(
        url: &str,
        schemes: Schemes,
        issuer: Box<str>,
        audience: Option<Box<str>>,
    ) -> Result<Self, ConfigError> {
        let settings = Settings {
            endpoint: Endpoint::new(url, schemes, MAX_BYTES)?,
            rules: ClaimRules::new(issuer, audience, false)?,
            authorization: Authorization::None,
            max_wait: Duration::from_millis(500),
            clock: Clock::default(),
        };
        Ok(Self {
            settings,
            in_flight: Arc::new(Semaphore::new(64)),
            flights: SingleFlight::default(),
        })
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        // Results by other settings are not shared.
        self.flights = SingleFlight::default();
        self
    }

    fn set_rules(self, set: impl FnOnce(&mut ClaimRules)) -> Self {
        self.set(|settings| set(&mut settings.rules))
    }

    claim_setters!();
    endpoint_setters!();

    /// Authenticates at the endpoint as an OAuth client (RFC 6749, section 2.3.1).
    #[must_use]
    pub fn basic_auth(self, client_id: &str, secret: &str) -> Self {
        self.set(|settings| {
            settings.authorization = Authorization::Basic {
                id: settings.endpoint.encoded(client_id),
                secret: settings.endpoint.encoded(secret),
            };
        })
    }

    /// Authenticates at the endpoint with a bearer token.
    #[must_use]
    pub fn bearer_auth(self, token: impl Into<String>) -> Self {
        self.set(|settings| settings.authorization = Authorization::Bearer(token.into()))
    }

    /// Sets the maximum number of requests that are sent at once; 64 by default.
    ///
    /// # Errors
    ///
    /// The number is 0.
    pub fn max_in_flight(mut self, max: usize) -> Result<Self, ConfigError> {
        self.in_flight = Arc::new(Semaphore::new(
            positive(max, "max_in_flight")?.min(Semaphore::MAX_PERMITS),
        ));
        Ok(self)
    }

    /// Sets the time that a request waits when [`Introspection::max_in_flight`] is reached; 0.5 s by
    /// default.
    #[must_use]
    pub fn max_wait(self, max_wait: Duration) -> Self {
        self.set(|settings| settings.max_wait = max_wait)
    }

    async fn introspect(&self, credential: &Credential) -> Result<Verified, Refusal> {
        let place = self.in_flight.acquire();
        let Ok(Ok(_place)) = time::timeout(self.settings.max_wait, place).await else {
            return Err(Refusal::unavailable(None).because("too many introspection requests"));
        };
        let form = [
            ("token", credential.as_str()),
            ("token_type_hint", "access_token"),
        ];
        let endpoint = &self.settings.endpoint;
        let request = endpoint.request(Method::POST).form(&form);
        let request = self.settings.authorization.add_to(request);
        let body = endpoint.read(request).await;
        let body = body.map_err(|error| Refusal::unavailable(None).because(error))?;
        self.settings.decide(&body, credential)
    }
}

impl Settings {
    fn decide(&self, body: &[u8], credential: &Credential) -> Result<Verified, Refusal> {
        let malformed = || {
            Refusal::unavailable(None).because("the issuer's response is no introspection response")
        };
        let map = strict_json::object(body).ok_or_else(malformed)?;
        match map.get("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Err(Refusal::invalid().because("not active")),
            _ => return Err(malformed()),
        }
        let verified = self.rules.verify(&map, self.clock.wall(), credential);
        verified.map_err(|fault| Refusal::invalid().because(fault))
    }
}

impl Verify for Introspection {
    fn verify(&self, credential: &Credential) -> VerifyFuture {
        let (this, credential) = (self.clone(), credential.clone());
        Box::pin(async move {
            let key = Key::new(&credential, 0);
            let flights = this.flights.clone();
            flights.run(key, this.introspect(&credential)).await
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

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("endpoint", &self.settings.endpoint)
            .field("rules", &self.settings.rules)
            .field("max_in_flight", &self.in_flight.available_permits())
            .field("max_wait", &self.settings.max_wait)
            .finish_non_exhaustive()
    }
}
