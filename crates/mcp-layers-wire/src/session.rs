//! The outcome of `initialize`, which layers see with every request of the session.

use std::sync::Arc;

use mcp_layers_core::{JsonRpcRequest, request::meta_key};
use serde_json::{Map, Value};

/// The agreements at the beginning of a legacy session. The default is a session that has not begun.
#[derive(Debug, Clone, Default)]
pub(crate) struct Session {
    /// The version that both sides agreed on.
    pub(crate) version: Option<Arc<str>>,
    /// The client's declarations about itself.
    declared: Option<Arc<Map<String, Value>>>,
}

impl Session {
    /// The session that this result of `initialize` begins.
    pub(crate) fn begin(initialize: &JsonRpcRequest, result: &Value) -> Self {
        let version = result.get("protocolVersion").and_then(Value::as_str);
        Self {
            version: version.map(Into::into),
            declared: Some(Arc::new(declared(initialize.params()))),
        }
    }

    /// Gives a request what its client declared when the session began.
    pub(crate) fn declare(&self, mut request: JsonRpcRequest) -> JsonRpcRequest {
        if let Some(version) = &self.version {
            request = request.with_protocol_version(version.to_string());
        }
        match &self.declared {
            Some(declared) => request.with_declared(declared.clone()),
            None => request,
        }
    }
}

/// The declarations in the params of `initialize`, by the keys of `_meta`.
pub(crate) fn declared(params: &Value) -> Map<String, Value> {
    let keys = [
        ("clientInfo", meta_key::CLIENT_INFO),
        ("capabilities", meta_key::CLIENT_CAPABILITIES),
    ];
    let have = keys
        .into_iter()
        .filter_map(|(name, key)| Some((key.to_owned(), params.get(name)?.clone())));
    have.collect()
}
