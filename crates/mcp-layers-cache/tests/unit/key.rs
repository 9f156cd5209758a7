//! Unit tests of `src/key.rs`.
#![allow(clippy::unwrap_used)]

use super::{Keys, VaryBy, public};
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
    let keys = |context: &'static [u8]| {
        Keys::new(key(&list()), |out| {
            out.extend_from_slice(context);
            Some(())
        })
    };
    let (ada, bob) = (keys(b"ada"), keys(b"bob"));
    assert_eq!(ada.public(), bob.public());
    assert_eq!(ada.context(), Some(&b"ada"[..]));
    assert!(ada.private() != bob.private() && ada.private() != Some(ada.public()));
    let nobody = Keys::new(key(&list()), |_| None);
    assert_eq!((nobody.private(), nobody.context()), (None, None));
    // The mark between the two is no length, so that no `_meta` makes a public key like it.
    let mark = &ada.private().unwrap()[ada.public().len()..][..8];
    assert_eq!(mark, u64::MAX.to_le_bytes());
}
