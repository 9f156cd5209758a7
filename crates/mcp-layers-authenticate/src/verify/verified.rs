//! The result of a successful verification.

use std::sync::Arc;

use mcp_layers_core::Principal;

/// A verified principal, and the id of its token.
#[derive(Debug, Clone)]
pub struct Verified {
    principal: Arc<Principal>,
    token_id: Option<Arc<str>>,
}

impl Verified {
    /// Wraps a principal that was verified.
    pub fn new(principal: impl Into<Arc<Principal>>) -> Self {
        Self {
            principal: principal.into(),
            token_id: None,
        }
    }

    /// Sets the id of the token (`jti`, RFC 7519, section 4.1.7).
    #[must_use]
    pub fn with_token_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.token_id = Some(id.into());
        self
    }

    /// Returns the principal.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// Returns the principal by value.
    pub fn into_principal(self) -> Arc<Principal> {
        self.principal
    }

    /// Returns the id of the token (`jti`), if it has one.
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    pub(super) fn map_principal(mut self, map: impl FnOnce(Principal) -> Principal) -> Self {
        self.principal = Arc::new(map(Arc::unwrap_or_clone(self.principal)));
        self
    }
}

impl From<Principal> for Verified {
    fn from(principal: Principal) -> Self {
        Self::new(principal)
    }
}

impl From<Arc<Principal>> for Verified {
    fn from(principal: Arc<Principal>) -> Self {
        Self::new(principal)
    }
}
