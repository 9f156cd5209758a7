//! What a token says, read strictly: a claim of the wrong type is a fault, never absent.

use std::time::{Duration, SystemTime};

use mcp_layers_core::{Authentication, Principal};
use serde_json::{Map, Value};

/// What is wrong, for logs.
pub(crate) type Fault = &'static str;

/// What claims must say.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) issuer: Box<str>,
    /// `None`: any audience will do.
    pub(crate) audiences: Option<Vec<Box<str>>>,
    pub(crate) leeway: Duration,
    pub(crate) max_names: usize,
    pub(crate) tenant_claim: Option<Box<str>>,
    /// Whether `iss` and `exp` must be there: in a JSON web token, and not in the answer of an
    /// introspection endpoint, which vouches by answering.
    pub(crate) complete: bool,
}

/// Claims that are as expected.
pub(crate) struct Claims<'a> {
    subject: &'a str,
    client_id: Option<&'a str>,
    tenant: Option<&'a str>,
    scopes: Vec<&'a str>,
    roles: Vec<&'a str>,
    expires_at: Option<SystemTime>,
    pub(crate) token_id: Option<&'a str>,
}

impl Expected {
    pub(crate) fn new(issuer: Box<str>, audiences: Option<Vec<Box<str>>>, complete: bool) -> Self {
        Self {
            issuer,
            audiences,
            leeway: Duration::from_secs(30),
            max_names: 256,
            tenant_claim: None,
            complete,
        }
    }

    pub(crate) fn check<'a>(
        &self,
        map: &'a Map<String, Value>,
        now: SystemTime,
    ) -> Result<Claims<'a>, Fault> {
        match text(map, "iss")? {
            Some(issuer) if issuer != &*self.issuer => return Err("another issuer"),
            None if self.complete => return Err("no issuer"),
            _ => {}
        }
        let audiences = names(map, "aud", Split::No, self.max_names)?;
        if let Some(wanted) = &self.audiences
            && !wanted.iter().any(|wanted| audiences.contains(&&**wanted))
        {
            return Err("another audience, or none");
        }

        let expires_at = date(map, "exp")?;
        match expires_at {
            Some(at) if is_past(at, self.leeway, now) => return Err("expired"),
            None if self.complete => return Err("no expiry"),
            _ => {}
        }
        let not_before = date(map, "nbf")?;
        let soonest = now.checked_add(self.leeway).unwrap_or(now);
        if not_before.is_some_and(|at| at > soonest) {
            return Err("not yet valid");
        }
        date(map, "iat")?;

        let subject = text(map, "sub")?.filter(|subject| !subject.is_empty());
        let scopes = match names(map, "scope", Split::OnSpace, self.max_names)? {
            scopes if !scopes.is_empty() => scopes,
            _ => names(map, "scp", Split::OnSpace, self.max_names)?,
        };
        let client_id = match text(map, "client_id")? {
            None => text(map, "azp")?,
            client_id => client_id,
        };
        let tenant = match &self.tenant_claim {
            Some(claim) => text(map, claim)?,
            None => None,
        };
        Ok(Claims {
            subject: subject.ok_or("no subject")?,
            client_id,
            tenant,
            scopes,
            roles: names(map, "roles", Split::No, self.max_names)?,
            expires_at,
            token_id: text(map, "jti")?,
        })
    }

    pub(crate) fn principal(&self, claims: &Claims<'_>, digest: [u8; 32]) -> Principal {
        let mut principal = Principal::new(claims.subject, Authentication::Bearer)
            .with_issuer(self.issuer.clone())
            .with_scopes(claims.scopes.iter().copied())
            .with_roles(claims.roles.iter().copied())
            .with_credential_digest(digest);
        if let Some(client_id) = claims.client_id {
            principal = principal.with_client_id(client_id);
        }
        if let Some(tenant) = claims.tenant {
            principal = principal.with_tenant(tenant);
        }
        if let Some(at) = claims.expires_at {
            principal = principal.with_expiry(at);
        }
        principal
    }
}

/// RFC 7519, section 4.1.4: on or after the date, the token is good no more.
fn is_past(at: SystemTime, leeway: Duration, now: SystemTime) -> bool {
    at.checked_add(leeway).is_some_and(|at| now >= at)
}

fn text<'a>(map: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Fault> {
    match map.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("a claim is not the string it should be"),
    }
}

/// RFC 7519, section 2, "NumericDate": seconds since 1970, perhaps with a fraction.
fn date(map: &Map<String, Value>, name: &str) -> Result<Option<SystemTime>, Fault> {
    let Some(value) = map.get(name) else {
        return Ok(None);
    };
    let since = match (value.as_u64(), value.as_f64()) {
        (Some(seconds), _) => Some(Duration::from_secs(seconds)),
        (None, Some(seconds)) => Duration::try_from_secs_f64(seconds).ok(),
        (None, None) => None,
    };
    let at = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    at.map(Some).ok_or("a claim is not the date it should be")
}

#[derive(Clone, Copy, PartialEq)]
enum Split {
    OnSpace,
    No,
}

/// A string or an array of strings.
fn names<'a>(
    map: &'a Map<String, Value>,
    name: &str,
    split: Split,
    max: usize,
) -> Result<Vec<&'a str>, Fault> {
    let mut names = Vec::new();
    let mut add = |text: &'a str| {
        if names.len() >= max {
            return Err("too many names in a claim");
        }
        names.push(text);
        Ok(())
    };
    match map.get(name) {
        None => {}
        Some(Value::String(text)) if split == Split::OnSpace => {
            for part in text.split(' ').filter(|part| !part.is_empty()) {
                add(part)?;
            }
        }
        Some(Value::String(text)) => add(text)?,
        Some(Value::Array(items)) => {
            for item in items {
                add(item
                    .as_str()
                    .ok_or("a claim is not the strings it should be")?)?;
            }
        }
        Some(_) => return Err("a claim is not the strings it should be"),
    }
    Ok(names)
}
