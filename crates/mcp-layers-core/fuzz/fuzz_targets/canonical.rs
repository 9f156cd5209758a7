//! Two JSON texts, apart by a NUL byte: their canonical bytes are equal exactly when their values are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_layers_core::{Arguments, adapter::write_canonical};
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let mut texts = data.splitn(2, |byte| *byte == 0);
    let (a, b) = (text(texts.next()), text(texts.next()));
    let (raw_a, raw_b) = (raw(a), raw(b));
    let (Ok(a), Ok(b)) = (serde_json::from_str(a), serde_json::from_str(b)) else {
        // What is no JSON equals no JSON, and only itself.
        assert_eq!(raw_a == raw_b, same(a, b));
        return;
    };

    let (canonical_a, canonical_b) = (canonical(&a), canonical(&b));
    assert_eq!(canonical_a == canonical_b, a == b);
    assert_eq!(raw_a, canonical_a);
    assert_eq!(raw_b, canonical_b);
    for (value, bytes) in [(&a, &canonical_a), (&b, &canonical_b)] {
        let again: Value = serde_json::from_slice(bytes).expect("canonical bytes are JSON");
        assert_eq!(again, *value);
        assert_eq!(canonical(&again), *bytes);
    }
});

fn same(a: &str, b: &str) -> bool {
    match (
        serde_json::from_str::<Value>(a),
        serde_json::from_str::<Value>(b),
    ) {
        (Ok(a), Ok(b)) => a == b,
        (Err(_), Err(_)) => a == b,
        _ => false,
    }
}

fn text(bytes: Option<&[u8]>) -> &str {
    std::str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
}

fn raw(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    Arguments::Raw(text).write_canonical(&mut out);
    out
}

fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_canonical(value, &mut out);
    out
}
