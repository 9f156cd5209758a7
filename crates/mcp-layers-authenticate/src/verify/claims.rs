//! The claims of a token, read strictly: a claim of the wrong type is an error, never absent.

use std::time::{Duration, SystemTime};

use mcp_layers_core::{Authentication, ConfigError, Principal};
use serde_json::{Map, Value};

use super::{Credential, Verified};

/// The reason for refusing a token, for logs.
pub(crate) type Fault = &'static str;

/// The values that name an access token in the claims `token_type`, `token_use` and `typ`: RFC 7662,
/// section 2.2, and the habits of common issuers. Any other value names another type of token
/// (refresh, ID, DPoP).
const ACCESS_TOKEN_TYPES: [&str; 7] = [
    "bearer",
    "access",
    "access_token",
    "at+jwt",
    "application/at+jwt",
    "jwt",
    "urn:ietf:params:oauth:token-type:access_token",
];

/// The rules for the claims of a token.
#[derive(Debug, Clone)]
pub(crate) struct ClaimRules {
    issuer: Box<str>,
    /// `None`: any audience.
    pub(crate) audiences: Option<Vec<Box<str>>>,
    /// A JSON web token requires `iss` and `exp`, the response of an introspection endpoint does not.
    is_jwt: bool,
    pub(crate) leeway: Duration,
    pub(crate) max_names: usize,
    pub(crate) tenant_claim: Option<Box<str>>,
    pub(crate) null_is_absent: bool,
    pub(crate) any_trailing_slash: bool,
    pub(crate) client_id_as_subject: bool,
}

impl ClaimRules {
    /// # Errors
    ///
    /// The issuer or an audience is empty.
    pub(crate) fn new(
        issuer: Box<str>,
        audience: Option<Box<str>>,
        is_jwt: bool,
    ) -> Result<Self, ConfigError> {
        if issuer.is_empty()
            || audience
                .as_ref()
                .is_some_and(|audience| audience.is_empty())
        {
            return Err(ConfigError::new("issuer and audience must not be empty"));
        }
        Ok(Self {
            issuer,
            audiences: audience.map(|audience| vec![audience]),
            is_jwt,
            leeway: Duration::from_secs(30),
            max_names: 256,
            tenant_claim: None,
            null_is_absent: false,
            any_trailing_slash: false,
            client_id_as_subject: false,
        })
    }

    /// Checks the claims, and makes the principal of them. A token's signature may still be unknown.
    pub(crate) fn verify(
        &self,
        map: &Map<String, Value>,
        now: SystemTime,
        credential: &Credential,
    ) -> Result<Verified, Fault> {
        let claims = Claims { map, rules: self };
        self.check_type(&claims)?;
        match claims.text("iss")? {
            Some(issuer) if issuer != &*self.issuer => return Err("another issuer"),
            None if self.is_jwt => return Err("no issuer"),
            _ => {}
        }
        self.check_audience(&claims)?;
        let expires_at = self.check_dates(&claims, now)?;
        let azp = claims.text("azp")?;
        let client_id = claims.text("client_id")?.or(azp);
        let subject = match claims.text("sub")? {
            None if self.client_id_as_subject => client_id,
            subject => subject,
        };
        let subject = subject.filter(|subject| !subject.is_empty());
        // A `scope` without scopes grants none, whatever else the token has.
        let scp = claims.names("scp", true)?;
        let scopes = match claims.get("scope") {
            Some(_) => claims.names("scope", true)?,
            None => scp,
        };
        let mut principal = Principal::new(subject.ok_or("no subject")?, Authentication::Bearer)
            .with_issuer(self.issuer.clone())
            .with_scopes(scopes)
            .with_roles(claims.names("roles", false)?)
            .with_credential_digest(credential.digest());
        if let Some(client_id) = client_id {
            principal = principal.with_client_id(client_id);
        }
        if let Some(claim) = &self.tenant_claim
            && let Some(tenant) = claims.text(claim)?
        {
            principal = principal.with_tenant(tenant);
        }
        if let Some(at) = expires_at {
            principal = principal.with_expiry(at);
        }
        let verified = Verified::new(principal);
        Ok(match claims.text("jti")? {
            Some(id) => verified.with_token_id(id),
            None => verified,
        })
    }

    /// A token that is bound to a key (`cnf`: DPoP, RFC 9449; mTLS, RFC 8705) is refused, because
    /// the proof of possession is not checked here: accepted as a bearer token, it would be useful to
    /// a thief.
    fn check_type(&self, claims: &Claims<'_>) -> Result<(), Fault> {
        if claims.get("cnf").is_some() {
            return Err("a token that is bound to a key");
        }
        for name in ["token_type", "token_use", "typ"] {
            let is_access_token = |kind: &str| {
                let mut types = ACCESS_TOKEN_TYPES.iter();
                types.any(|have| kind.eq_ignore_ascii_case(have))
            };
            if claims
                .text(name)?
                .is_some_and(|kind| !is_access_token(kind))
            {
                return Err("another type of token");
            }
        }
        Ok(())
    }

    fn check_audience(&self, claims: &Claims<'_>) -> Result<(), Fault> {
        let audiences = claims.names("aud", false)?;
        let Some(expected) = &self.audiences else {
            return Ok(());
        };
        let normal = |audience: &'_ str| match audience.strip_suffix('/') {
            Some(rest) if self.any_trailing_slash => rest.len(),
            _ => audience.len(),
        };
        let is_ours = |have: &&str| {
            let mut expected = expected.iter();
            expected.any(|ours| have[..normal(have)] == ours[..normal(ours)])
        };
        if audiences.iter().any(is_ours) {
            Ok(())
        } else {
            Err("another audience, or none")
        }
    }

    /// RFC 7519, section 4.1. `iat` has no rule there; one in the future shows a token of another
    /// clock, or one that was made up.
    fn check_dates(
        &self,
        claims: &Claims<'_>,
        now: SystemTime,
    ) -> Result<Option<SystemTime>, Fault> {
        let expires_at = claims.date("exp")?;
        let is_past = |at: SystemTime| at.checked_add(self.leeway).is_some_and(|at| now >= at);
        match expires_at {
            Some(at) if is_past(at) => return Err("expired"),
            None if self.is_jwt => return Err("no expiry"),
            _ => {}
        }
        let latest = now.checked_add(self.leeway).unwrap_or(now);
        if claims.date("nbf")?.is_some_and(|at| at > latest) {
            return Err("not yet valid");
        }
        if claims.date("iat")?.is_some_and(|at| at > latest) {
            return Err("issued in the future");
        }
        Ok(expires_at)
    }
}

struct Claims<'a> {
    map: &'a Map<String, Value>,
    rules: &'a ClaimRules,
}

impl<'a> Claims<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        let value = self.map.get(name)?;
        (!self.rules.null_is_absent || !value.is_null()).then_some(value)
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err("a claim is not a string"),
        }
    }

    /// Seconds since 1970, possibly with a fraction (RFC 7519, section 2, "NumericDate").
    fn date(&self, name: &str) -> Result<Option<SystemTime>, Fault> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let since = match (value.as_u64(), value.as_f64()) {
            (Some(seconds), _) => Some(Duration::from_secs(seconds)),
            (None, Some(seconds)) => Duration::try_from_secs_f64(seconds).ok(),
            (None, None) => None,
        };
        let at = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
        at.map(Some).ok_or("a claim is not a date")
    }

    /// A string or an array of strings. In a string, spaces separate names if `spaced`.
    fn names(&self, name: &str, spaced: bool) -> Result<Vec<&'a str>, Fault> {
        let max = self.rules.max_names;
        let names: Vec<_> = match self.get(name) {
            None => Vec::new(),
            Some(Value::String(text)) if spaced => {
                let names = text.split(' ').filter(|name| !name.is_empty());
                names.take(max.saturating_add(1)).collect()
            }
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(items)) => {
                let texts: Option<_> = items.iter().map(Value::as_str).collect();
                texts.ok_or("a claim is not an array of strings")?
            }
            Some(_) => return Err("a claim is neither a string nor an array of strings"),
        };
        if names.len() > max {
            return Err("too many names in a claim");
        }
        Ok(names)
    }
}

/// The setters that `JwtVerifier` and `Introspection` have in common.
macro_rules! claim_setters {
    () => {
        /// Accepts another audience too.
        #[must_use]
        pub fn or_audience(self, audience: impl Into<Box<str>>) -> Self {
            self.set_rules(|rules| {
                if let Some(audiences) = &mut rules.audiences {
                    audiences.push(audience.into());
                }
            })
        }

        /// Accepts an `aud` that differs from the expected audience by one trailing slash only. Not
        /// by default: audiences are compared character by character (RFC 7519, section 4.1.3).
        #[must_use]
        pub fn ignore_trailing_slash(self) -> Self {
            self.set_rules(|rules| rules.any_trailing_slash = true)
        }

        /// Takes the subject from `client_id` (or `azp`) when a token has no `sub`: for issuers whose
        /// tokens for machine clients (client credentials) have none. Such an issuer must keep client
        /// ids and subjects apart (RFC 9068, section 5). Refused by default.
        #[must_use]
        pub fn client_id_as_subject(self) -> Self {
            self.set_rules(|rules| rules.client_id_as_subject = true)
        }

        /// Treats a claim that is JSON `null` as absent. By default it has the wrong type, and the
        /// token is refused.
        #[must_use]
        pub fn null_claims_as_absent(self) -> Self {
            self.set_rules(|rules| rules.null_is_absent = true)
        }

        /// Sets the claim that contains the tenant, a string. None by default.
        #[must_use]
        pub fn tenant_claim(self, claim: impl Into<Box<str>>) -> Self {
            self.set_rules(|rules| rules.tenant_claim = Some(claim.into()))
        }

        /// Sets the allowed difference between clocks for `exp`, `nbf` and `iat`; 30 s by default.
        #[must_use]
        pub fn leeway(self, leeway: Duration) -> Self {
            self.set_rules(|rules| rules.leeway = leeway)
        }

        /// Sets the maximum number of scopes, roles and audiences each that a token may have; 256 by
        /// default. A token with more is refused.
        ///
        /// # Errors
        ///
        /// The number is 0.
        pub fn max_scopes(self, max: usize) -> Result<Self, ConfigError> {
            let max = positive(max, "max_scopes")?;
            Ok(self.set_rules(|rules| rules.max_names = max))
        }
    };
}
pub(crate) use claim_setters;
