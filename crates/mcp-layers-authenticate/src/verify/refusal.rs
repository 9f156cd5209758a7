//! The reasons of a verifier for refusing a credential.

use std::{fmt, sync::Arc, time::Duration};

use mcp_layers_core::BoxError;

/// The answer of a verifier that gives no principal.
///
/// The text for the caller is constant for each kind. The cause stays in the process: it is
/// [`std::error::Error::source`], for logs and traces.
#[derive(Debug, Clone)]
pub struct Refusal {
    kind: RefusalKind,
    cause: Option<Arc<BoxError>>,
}

/// The kinds of refusal, each with its HTTP status.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// 401: the credential is expired, revoked, malformed, or issued for another audience.
    Invalid,
    /// 403: the credential is valid but lacks these scopes.
    InsufficientScope {
        /// All scopes that are required.
        scopes: Box<[Box<str>]>,
    },
    /// 503: the verifier cannot decide now.
    Unavailable {
        /// The time after which a retry makes sense.
        retry_after: Option<Duration>,
    },
}

impl Refusal {
    fn new(kind: RefusalKind) -> Self {
        Self { kind, cause: None }
    }

    /// Refuses a credential that is expired, revoked, malformed, or issued for another audience.
    pub fn invalid() -> Self {
        Self::new(RefusalKind::Invalid)
    }

    /// Refuses a credential that is valid but lacks scopes; `scopes` are all that are required.
    pub fn insufficient_scope<T: Into<Box<str>>>(scopes: impl IntoIterator<Item = T>) -> Self {
        Self::new(RefusalKind::InsufficientScope {
            scopes: scopes.into_iter().map(Into::into).collect(),
        })
    }

    /// Reports that the verifier cannot decide now.
    pub fn unavailable(retry_after: Option<Duration>) -> Self {
        Self::new(RefusalKind::Unavailable { retry_after })
    }

    /// Sets the cause, for logs. The caller never sees it. It must not contain the credential.
    #[must_use]
    pub fn because(mut self, cause: impl Into<BoxError>) -> Self {
        self.cause = Some(Arc::new(cause.into()));
        self
    }

    /// Returns the kind of refusal.
    pub fn kind(&self) -> &RefusalKind {
        &self.kind
    }

    pub(crate) fn is_invalid(&self) -> bool {
        self.kind == RefusalKind::Invalid
    }

    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self.kind, RefusalKind::Unavailable { .. })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            RefusalKind::Invalid => "The access token is invalid or expired",
            RefusalKind::InsufficientScope { .. } => "The access token lacks a scope",
            RefusalKind::Unavailable { .. } => "Authentication is unavailable",
        })
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let cause: &(dyn std::error::Error + 'static) = &***self.cause.as_ref()?;
        Some(cause)
    }
}
