//! Cache keys: equal bytes exactly when one result fits both requests.

use std::collections::BTreeSet;

use mcp_layers_core::{KeyWriter, McpRequest, adapter::write_canonical, meta_key};

/// `_meta` keys that never change a result: trace context (2026-07-28, basic/index, "_meta"), the
/// progress token, what the client reports about itself, the level of log messages, and what is a
/// part of the key already.
const IGNORED_META: [&str; 8] = [
    meta_key::PROTOCOL_VERSION,
    meta_key::CLIENT_CAPABILITIES,
    meta_key::CLIENT_INFO,
    meta_key::PROGRESS_TOKEN,
    "io.modelcontextprotocol/logLevel",
    "traceparent",
    "tracestate",
    "baggage",
];

/// The parts of `params._meta` that belong in the key.
#[derive(Debug, Clone, Default)]
pub(crate) enum VaryBy {
    /// Everything that is not known to be harmless.
    #[default]
    AllMeta,
    /// These keys alone.
    Only(BTreeSet<Box<str>>),
}

/// The key that all callers share: method, protocol version, client capabilities, `_meta`, params.
///
/// Each part has its length before it, so no part can run into the next.
pub(crate) fn public<Req: McpRequest>(
    request: &Req,
    with_capabilities: bool,
    vary_by: &VaryBy,
) -> Vec<u8> {
    let mut key = Vec::with_capacity(512);
    let mut writer = KeyWriter::new(&mut key);
    writer
        .tag(b'a')
        .text(request.method().as_str())
        .optional(request.protocol_version().as_deref());
    if with_capabilities {
        writer.with(|out| request.write_client_capabilities(out));
    }
    writer.with(|out| request.write_params(out));
    let Some(meta) = request.meta() else {
        return key;
    };
    // `serde_json::Map` keeps the order of insertion when some crate turns that on.
    let mut varying: Vec<_> = meta
        .iter()
        .filter(|(name, _)| match vary_by {
            VaryBy::AllMeta => !IGNORED_META.contains(&name.as_str()),
            VaryBy::Only(names) => names.contains(name.as_str()),
        })
        .collect();
    varying.sort_unstable_by_key(|(name, _)| *name);
    for (name, value) in varying {
        writer.text(name).with(|out| write_canonical(value, out));
    }
    key
}

/// The key of one authorization context: the public key and the bytes of the context.
pub(crate) fn private(public: &[u8], context: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(public.len() + context.len() + 32);
    KeyWriter::new(&mut key)
        .tag(b'p')
        .bytes(public)
        .bytes(context);
    key
}

#[cfg(test)]
mod tests {
    use super::{VaryBy, private, public};
    use mcp_layers_core::JsonRpcRequest;
    use serde_json::{Value, json};

    fn list() -> JsonRpcRequest {
        JsonRpcRequest::new(1, "tools/list")
    }

    fn key(request: &JsonRpcRequest) -> Vec<u8> {
        public(request, true, &VaryBy::AllMeta)
    }

    fn with_meta(meta: &Value) -> JsonRpcRequest {
        list().with_params(json!({ "_meta": meta.clone() }))
    }

    #[test]
    fn version_cursor_capabilities_and_meta_are_part_of_the_key() {
        let capable = with_meta(&json!({
            "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} }
        }));
        let keys = [
            key(&list()),
            key(&list().with_protocol_version("2025-06-18")),
            key(&list().with_protocol_version("2025-11-25")),
            key(&list().with_protocol_version("")),
            key(&list().with_params(json!({ "cursor": "" }))),
            key(&list().with_params(json!({ "cursor": "a" }))),
            key(&capable),
            key(&JsonRpcRequest::new(1, "prompts/list")),
            key(&with_meta(&json!({ "com.example/tenant": "a" }))),
            key(&with_meta(&json!({ "com.example/tenant": "b" }))),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{at}");
        }
        let without = |request| public(request, false, &VaryBy::AllMeta);
        assert_eq!(without(&list()), without(&capable));
    }

    #[test]
    fn harmless_meta_is_no_part_of_the_key() {
        let harmless = with_meta(&json!({
            "progressToken": 7,
            "traceparent": "00-1",
            "tracestate": "a=b",
            "baggage": "a=b",
            "io.modelcontextprotocol/clientInfo": { "name": "a" },
            "io.modelcontextprotocol/logLevel": "debug",
        }));
        assert_eq!(key(&list()), key(&harmless));
    }

    #[test]
    fn a_private_key_is_no_public_key_and_names_its_context() {
        let public = key(&list());
        let (ada, bob) = (private(&public, b"ada"), private(&public, b"bob"));
        assert!(ada != bob && ada != public);
        assert_ne!(private(b"a", b"bc"), private(b"ab", b"c"));
    }
}
