//! Any text: scrubbing ends, leaves nothing that a terminal would act on, takes a password out, and
//! changes nothing the second time.
#![no_main]

use std::hash::{DefaultHasher, Hash, Hasher};

use libfuzzer_sys::fuzz_target;
use mcp_layers_error_mask::{Redactor, Scrub};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let scrub = Scrub::internals().redactor(Redactor::emails());
    let once = scrubbed(&scrub, text);
    assert!(!once.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')));
    let twice = scrubbed(&scrub, &once);
    assert_eq!(twice, once, "{text:?}");

    // No text has the digest of itself in it, so that the password stands in one place alone.
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let password = format!("{:016x}", hasher.finish());
    let with_password = format!("{text} password={password}");
    assert!(!scrubbed(&scrub, &with_password).contains(&password), "{text:?}");
});

fn scrubbed(scrub: &Scrub, text: &str) -> String {
    let mut text = text.to_owned();
    scrub.scrub(&mut text);
    text
}
