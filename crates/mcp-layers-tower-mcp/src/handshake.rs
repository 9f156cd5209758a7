use std::sync::{Arc, PoisonError, RwLock};

use mcp_layers_core::adapter::write_canonical;
use tower_mcp::protocol::InitializeParams;

/// The outcome of `initialize` for a connection up to 2025-11-25. tower-mcp puts it into no later
/// request.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(crate) protocol_version: Box<str>,
    pub(crate) client_name: Box<str>,
    pub(crate) client_version: Box<str>,
    pub(crate) capabilities: Box<[u8]>,
}

impl Handshake {
    pub(crate) fn new(offer: &InitializeParams, protocol_version: &str) -> Self {
        Self {
            protocol_version: protocol_version.into(),
            client_name: offer.client_info.name.as_str().into(),
            client_version: offer.client_info.version.as_str().into(),
            capabilities: canonical(&offer.capabilities).into(),
        }
    }
}

/// Canonical JSON of something that serialises; nothing where it does not.
pub(crate) fn canonical(value: &impl serde::Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    if let Ok(value) = serde_json::to_value(value) {
        write_canonical(&value, &mut out);
    }
    out
}

/// The connection that one layered service serves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Session(Arc<RwLock<Option<Arc<Handshake>>>>);

impl Session {
    pub(crate) fn handshake(&self) -> Option<Arc<Handshake>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn agreed(&self, handshake: Handshake) {
        let agreed = Some(Arc::new(handshake));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = agreed;
    }
}
