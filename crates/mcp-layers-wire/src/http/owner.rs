//! The owner of a session.

use std::sync::Arc;

use http::{Extensions, HeaderMap};
use mcp_layers_core::Principal;

/// The header of the session id, up to 2025-11-25.
pub(super) const SESSION_ID: &str = "mcp-session-id";

/// A session, and the verified subject that uses it: possession of a session id proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    pub(super) session: Arc<str>,
    pub(super) subject: Option<Arc<str>>,
}

impl Owner {
    pub(super) fn new(session: &str, extensions: &Extensions) -> Self {
        let subject = principal(extensions).map(|principal| {
            let known = (
                principal.is_verified(),
                principal.issuer(),
                principal.subject(),
            );
            format!("{known:?}").into()
        });
        Self {
            session: session.into(),
            subject,
        }
    }

    /// The owner of a request with a session id.
    pub(super) fn of(headers: &HeaderMap, extensions: &Extensions) -> Option<Self> {
        Some(Self::new(session_id(headers)?, extensions))
    }
}

/// The session id.
pub(super) fn session_id(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION_ID)?.to_str().ok()
}

/// The principal that an authentication layer verified.
pub(super) fn principal(extensions: &Extensions) -> Option<Arc<Principal>> {
    let shared = extensions.get::<Arc<Principal>>().cloned();
    shared.or_else(|| extensions.get::<Principal>().cloned().map(Arc::new))
}
