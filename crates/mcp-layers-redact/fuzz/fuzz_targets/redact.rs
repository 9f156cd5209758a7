//! Any text: redaction ends, takes a password out, changes nothing the second time, and keeps JSON
//! JSON.
#![no_main]

use std::hash::{DefaultHasher, Hash, Hasher};

use libfuzzer_sys::fuzz_target;
use mcp_layers_redact::{Lines, Redactor, redact_uri, sanitize};
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let redactor = Redactor::internals().emails();
    let once = redactor.redact(text);
    assert_eq!(redactor.redact(&once), once, "{text:?}");
    if text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<Value>(text).is_ok() {
        assert!(serde_json::from_str::<Value>(&once).is_ok(), "{text:?} became {once:?}");
    }

    let clean = sanitize(text, usize::MAX, Lines::Kept);
    assert!(!clean.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')));
    let _ = redact_uri(text);

    // No text has the digest of itself in it, so that the password stands in one place alone.
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let password = format!("{:016x}", hasher.finish());
    let with_password = format!("{text} password={password}");
    assert!(!redactor.redact(&with_password).contains(&password), "{text:?}");
});
