//! Why there is no principal.

use std::{fmt, sync::Arc, time::Duration};

use http::StatusCode;
use mcp_layers_core::BoxError;

/// Why a verifier gives no principal.
///
/// What a caller gets to read is constant for each kind. The cause stays inside: it is
/// [`std::error::Error::source`], for logs and traces.
#[derive(Clone)]
pub struct Refusal {
    kind: RefusalKind,
    cause: Option<Arc<BoxError>>,
}

/// The kinds of refusal, with the status that HTTP has for each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// 401: the credential is expired, revoked, malformed, or meant for somebody else.
    Invalid,
    /// 403: the credential is good, and lacks these scopes.
    InsufficientScope {
        /// All scopes that are needed.
        scopes: Box<[Box<str>]>,
    },
    /// 503: this cannot be decided now.
    Unavailable {
        /// When to come back.
        retry_after: Option<Duration>,
    },
}

impl Refusal {
    fn new(kind: RefusalKind) -> Self {
        Self { kind, cause: None }
    }

    /// The credential is expired, revoked, malformed, or meant for somebody else.
    #[must_use]
    pub fn invalid() -> Self {
        Self::new(RefusalKind::Invalid)
    }

    /// The credential is good, and lacks scopes; `scopes` are all that are needed.
    pub fn insufficient_scope<T: Into<Box<str>>>(scopes: impl IntoIterator<Item = T>) -> Self {
        Self::new(RefusalKind::InsufficientScope {
            scopes: scopes.into_iter().map(Into::into).collect(),
        })
    }

    /// This cannot be decided now.
    #[must_use]
    pub fn unavailable(retry_after: Option<Duration>) -> Self {
        Self::new(RefusalKind::Unavailable { retry_after })
    }

    /// Keeps why, for logs: never shown to the caller. It must not hold the credential.
    #[must_use]
    pub fn because(mut self, cause: impl Into<BoxError>) -> Self {
        self.cause = Some(Arc::new(cause.into()));
        self
    }

    /// What kind of refusal it is.
    #[must_use]
    pub fn kind(&self) -> &RefusalKind {
        &self.kind
    }

    /// The status of HTTP: 401, 403 or 503.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.kind {
            RefusalKind::Invalid => StatusCode::UNAUTHORIZED,
            RefusalKind::InsufficientScope { .. } => StatusCode::FORBIDDEN,
            RefusalKind::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the caller gets to read: constant for each kind.
    #[must_use]
    pub fn public_text(&self) -> &'static str {
        match self.kind {
            RefusalKind::Invalid => "The access token is invalid or expired",
            RefusalKind::InsufficientScope { .. } => "The access token lacks a scope",
            RefusalKind::Unavailable { .. } => "Authentication is not available now",
        }
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
        f.write_str(self.public_text())
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("kind", &self.kind)
            .field("cause", &self.cause)
            .finish()
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let cause: &(dyn std::error::Error + 'static) = &***self.cause.as_ref()?;
        Some(cause)
    }
}
