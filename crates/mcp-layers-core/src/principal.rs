//! Who is calling.

use std::{fmt, time::SystemTime};

/// Who a request comes from.
///
/// A principal is made where a credential was checked, and travels inward in the request's
/// [`CallContext`](crate::CallContext). Connections, session ids and what a client says of itself
/// are no principals.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    subject: Box<str>,
    issuer: Option<Box<str>>,
    client_id: Option<Box<str>>,
    tenant: Option<Box<str>>,
    scopes: Vec<Box<str>>,
    roles: Vec<Box<str>>,
    authentication: Authentication,
    credential: Option<Box<[u8]>>,
    expires_at: Option<SystemTime>,
}

/// How a principal was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Authentication {
    /// Not at all: the name is only claimed.
    Unverified,
    /// By a bearer token (RFC 6750) that was verified.
    Bearer,
    /// By an API key that was verified.
    ApiKey,
    /// By the operating system or by configuration: a local process over standard input.
    Local,
    /// In some other verified way, by its name.
    Other(&'static str),
}

impl Principal {
    /// A principal by its subject: unique within its issuer, if it has one.
    pub fn new(subject: impl Into<Box<str>>, authentication: Authentication) -> Self {
        Self {
            subject: subject.into(),
            issuer: None,
            client_id: None,
            tenant: None,
            scopes: Vec::new(),
            roles: Vec::new(),
            authentication,
            credential: None,
            expires_at: None,
        }
    }

    /// Sets who vouches for the subject (the `iss` of a token, RFC 7519).
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<Box<str>>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the OAuth client (RFC 9068, `client_id`) through which the subject acts.
    #[must_use]
    pub fn with_client_id(mut self, client_id: impl Into<Box<str>>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Sets the tenant.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Box<str>>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Sets the scopes (RFC 6749, section 3.3), sorted and each once.
    #[must_use]
    pub fn with_scopes<T: Into<Box<str>>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = sorted(scopes);
        self
    }

    /// Sets the roles, sorted and each once.
    #[must_use]
    pub fn with_roles<T: Into<Box<str>>>(mut self, roles: impl IntoIterator<Item = T>) -> Self {
        self.roles = sorted(roles);
        self
    }

    /// Sets what tells this credential from others of the same subject: a digest of the token,
    /// never the token.
    #[must_use]
    pub fn with_credential_digest(mut self, digest: impl Into<Box<[u8]>>) -> Self {
        self.credential = Some(digest.into());
        self
    }

    /// Sets until when the credential is good.
    #[must_use]
    pub fn with_expiry(mut self, expires_at: SystemTime) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Who vouches for the subject.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The OAuth client through which the subject acts.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// The scopes, sorted.
    pub fn scopes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.scopes.iter().map(AsRef::as_ref)
    }

    /// The roles, sorted.
    pub fn roles(&self) -> impl ExactSizeIterator<Item = &str> {
        self.roles.iter().map(AsRef::as_ref)
    }

    /// Whether the principal has the scope, by its exact name.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes
            .binary_search_by(|have| (**have).cmp(scope))
            .is_ok()
    }

    /// Whether the principal has the role, by its exact name.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles
            .binary_search_by(|have| (**have).cmp(role))
            .is_ok()
    }

    /// How the principal was authenticated.
    #[must_use]
    pub fn authentication(&self) -> Authentication {
        self.authentication
    }

    /// Whether somebody checked that the principal is who it says.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.authentication != Authentication::Unverified
    }

    /// What tells this credential from others of the same subject.
    #[must_use]
    pub fn credential_digest(&self) -> Option<&[u8]> {
        self.credential.as_deref()
    }

    /// Until when the credential is good.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// Whether both are the same subject of the same issuer, by whatever credential.
    #[must_use]
    pub fn is_same_subject(&self, other: &Self) -> bool {
        self.subject == other.subject
            && self.issuer == other.issuer
            && self.is_verified() == other.is_verified()
    }
}

/// The digest of the credential is left out.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("subject", &self.subject)
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("tenant", &self.tenant)
            .field("scopes", &self.scopes)
            .field("roles", &self.roles)
            .field("authentication", &self.authentication)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

fn sorted<T: Into<Box<str>>>(names: impl IntoIterator<Item = T>) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = names.into_iter().map(Into::into).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::{Authentication, Principal};

    #[test]
    fn scopes_match_by_exact_name() {
        let principal =
            Principal::new("ada", Authentication::Bearer).with_scopes(["tools", "admin", "tools"]);
        assert!(principal.has_scope("tools"));
        assert!(!principal.has_scope("tool"));
        assert!(!principal.has_scope("TOOLS"));
        assert_eq!(principal.scopes().collect::<Vec<_>>(), ["admin", "tools"]);
    }

    #[test]
    fn a_claimed_name_is_not_the_verified_subject() {
        let claimed = Principal::new("ada", Authentication::Unverified);
        let verified = Principal::new("ada", Authentication::ApiKey);
        assert!(!claimed.is_verified());
        assert!(!claimed.is_same_subject(&verified));
    }

    #[test]
    fn debug_shows_no_credential() {
        let principal =
            Principal::new("ada", Authentication::Bearer).with_credential_digest(*b"\xAB\xCD");
        let shown = format!("{principal:?}");
        assert!(shown.contains("ada") && !shown.contains("171") && !shown.contains("credential"));
    }
}
