//! The state that the parts of one connection share.

use std::sync::{Arc, Mutex, PoisonError};

use mcp_layers_core::{JsonRpcRequest, request::meta_key};
use serde_json::{Map, Value};

use super::{outbox::Outbox, table::Table};
use crate::{encode, id::Id};

/// One client, connected to one server.
pub(super) struct Connection {
    pub(super) to_client: Outbox,
    pub(super) to_server: Outbox,
    pub(super) table: Table,
    session: Mutex<Session>,
}

/// The outcome of `initialize`.
#[derive(Default, Clone)]
struct Session {
    version: Option<String>,
    declared: Option<Arc<Map<String, Value>>>,
}

impl Connection {
    pub(super) fn new(to_client: Outbox, to_server: Outbox, table: Table) -> Self {
        Self {
            to_client,
            to_server,
            table,
            session: Mutex::default(),
        }
    }

    /// Gives a request what its client declared when the session began.
    pub(super) fn in_session(&self, mut request: JsonRpcRequest) -> JsonRpcRequest {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(version) = &session.version {
            request = request.with_protocol_version(version.clone());
        }
        match &session.declared {
            Some(declared) => request.with_declared(declared.clone()),
            None => request,
        }
    }

    /// Remembers the version that `initialize` agreed on, and what the client declared in it.
    pub(super) fn begin_session(&self, initialize: &JsonRpcRequest, result: &Value) {
        let version = result.get("protocolVersion").and_then(Value::as_str);
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Session {
            version: version.map(str::to_owned),
            declared: Some(Arc::new(declared(initialize.params()))),
        };
    }

    /// Cancels all calls in flight.
    pub(super) fn cancel_all(&self) {
        self.table.cancel_all(|id| self.tell_cancelled(id));
    }

    /// Notifies the server that its answer is not needed.
    pub(super) fn tell_cancelled(&self, id: &Id) {
        self.to_server.push_short(encode::cancelled(id));
    }
}

/// The declarations in the params of `initialize`, by the keys of `_meta`.
pub(super) fn declared(params: &Value) -> Map<String, Value> {
    let keys = [
        ("clientInfo", meta_key::CLIENT_INFO),
        ("capabilities", meta_key::CLIENT_CAPABILITIES),
    ];
    let have = keys
        .into_iter()
        .filter_map(|(name, key)| Some((key.to_owned(), params.get(name)?.clone())));
    have.collect()
}
