//! Any text as a token, and as header, payload and signature separated by newlines: without the private
//! key none is accepted, and the text for the caller is always the same.
#![no_main]

use std::sync::LazyLock;

use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;
use mcp_layers_authenticate::{Credential, JwtVerifier, KeySet, RefusalKind, Verify};

/// The public key of RFC 7515, appendix A.3.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

static VERIFIER: LazyLock<JwtVerifier> = LazyLock::new(|| {
    let keys = KeySet::from_jwks(KEYS).expect("keys");
    JwtVerifier::new("i", "a", keys).expect("a verifier")
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    refused(text);
    let parts: Vec<_> = text.splitn(3, '\n').map(|part| base64(part.as_bytes())).collect();
    refused(&parts.join("."));
});

fn refused(text: &str) {
    if let Some(credential) = Credential::bearer(text) {
        let refusal = block_on(VERIFIER.verify(&credential)).expect_err("a forged token");
        assert_eq!(*refusal.kind(), RefusalKind::Invalid);
        assert_eq!(refusal.to_string(), "The access token is invalid or expired");
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for digit in 0..=chunk.len() {
            let index = (bits >> (18 - 6 * digit)) & 63;
            out.push(char::from(DIGITS[index as usize]));
        }
    }
    out
}
