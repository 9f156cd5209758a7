//! The sessions of legacy clients.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcp_layers_core::JsonRpcRequest;
use serde_json::{Map, Value};

use super::{owner::Owner, recent::Recent};
use crate::declared::declared;

/// The outcomes of `initialize`.
#[derive(Debug)]
pub(super) struct Sessions(Mutex<Recent<Owner, Session>>);

/// The outcome of one `initialize`.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) version: Option<Arc<str>>,
    declared: Arc<Map<String, Value>>,
}

impl Sessions {
    pub(super) fn new(max_sessions: usize, max_bytes: usize) -> Self {
        Self(Mutex::new(Recent::new(max_sessions, max_bytes, None)))
    }

    /// Remembers the version that `initialize` agreed on, and what the client declared in it.
    /// `weight` is the number of bytes of the request.
    pub(super) fn begin(
        &self,
        owner: Owner,
        initialize: &JsonRpcRequest,
        result: &Value,
        weight: usize,
    ) {
        let version = result.get("protocolVersion").and_then(Value::as_str);
        let session = Session {
            version: version.map(Into::into),
            declared: Arc::new(declared(initialize.params())),
        };
        self.lock().insert(owner, session, weight);
    }

    pub(super) fn get(&self, owner: &Owner) -> Option<Session> {
        self.lock().get(owner).cloned()
    }

    pub(super) fn end(&self, owner: &Owner) {
        self.lock().remove(owner);
    }

    fn lock(&self) -> MutexGuard<'_, Recent<Owner, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Gives a request what its client declared when the session began.
    pub(super) fn declare(&self, mut request: JsonRpcRequest) -> JsonRpcRequest {
        if let Some(version) = &self.version {
            request = request.with_protocol_version(version.to_string());
        }
        request.with_declared(self.declared.clone())
    }
}
