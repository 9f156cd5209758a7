//! The authenticated caller.

use std::{fmt, time::SystemTime};

/// The identity of a caller, as an authentication layer established it.
///
/// A principal travels inward in the request's [`CallContext`](crate::CallContext). Connections,
/// session ids and a client's own statements about itself are not principals.
///
/// Layers keep their state for each issuer, tenant and subject: `(issuer(), tenant(), subject())` of a
/// verified principal. That is the key for state of your own too. A subject alone is unique within its
/// issuer only.
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

/// The way in which a principal was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Authentication {
    /// None: the name is only claimed.
    Unverified,
    /// A verified bearer token (RFC 6750).
    Bearer,
    /// A verified API key.
    ApiKey,
    /// The operating system or the configuration: a local process over standard input.
    Local,
    /// Another verified way, by name.
    Other(&'static str),
}

impl Principal {
    /// Creates a principal from its subject, which is unique within its issuer.
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

    /// Sets the issuer that vouches for the subject (the `iss` of a token, RFC 7519).
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

    /// Sets the scopes (RFC 6749, section 3.3). They are sorted and deduplicated.
    #[must_use]
    pub fn with_scopes<T: Into<Box<str>>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = sorted(scopes);
        self
    }

    /// Sets the roles. They are sorted and deduplicated.
    #[must_use]
    pub fn with_roles<T: Into<Box<str>>>(mut self, roles: impl IntoIterator<Item = T>) -> Self {
        self.roles = sorted(roles);
        self
    }

    /// Sets a digest of the credential, which distinguishes it from others of the same subject. Never
    /// the credential itself.
    #[must_use]
    pub fn with_credential_digest(mut self, digest: impl Into<Box<[u8]>>) -> Self {
        self.credential = Some(digest.into());
        self
    }

    /// Sets the expiry of the credential.
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

    /// The issuer that vouches for the subject.
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

    /// Returns true if the principal has the scope, by exact name.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes
            .binary_search_by(|have| (**have).cmp(scope))
            .is_ok()
    }

    /// Returns true if the principal has the role, by exact name.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles
            .binary_search_by(|have| (**have).cmp(role))
            .is_ok()
    }

    /// The way in which the principal was authenticated.
    #[must_use]
    pub fn authentication(&self) -> Authentication {
        self.authentication
    }

    /// Returns true if the identity was verified.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.authentication != Authentication::Unverified
    }

    /// The digest of the credential.
    #[must_use]
    pub fn credential_digest(&self) -> Option<&[u8]> {
        self.credential.as_deref()
    }

    /// The expiry of the credential.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// Returns true if both are the same subject of the same issuer, regardless of the credential and the
    /// tenant.
    #[must_use]
    pub fn is_same_subject(&self, other: &Self) -> bool {
        self.subject == other.subject
            && self.issuer == other.issuer
            && self.is_verified() == other.is_verified()
    }
}

/// Omits the digest of the credential.
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
