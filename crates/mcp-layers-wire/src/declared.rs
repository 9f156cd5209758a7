//! The client's declarations about itself.

use mcp_layers_core::request::meta_key;
use serde_json::{Map, Value};

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
