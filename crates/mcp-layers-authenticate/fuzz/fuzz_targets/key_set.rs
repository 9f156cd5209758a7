//! Any text as a key set, a PEM file, the URL of a resource and a scope: it is read or refused, never
//! causes a panic, and accepted values stay inside their quotes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_layers_authenticate::{KeySet, ResourceMetadata};
use mcp_layers_core::http::{BearerError, Challenge};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(keys) = KeySet::from_jwks(text) {
        assert!(keys.len() > 0);
    }
    let _ = KeySet::from_pem(text);
    if let Ok(metadata) = ResourceMetadata::new(text) {
        let url = metadata.url();
        let challenge = Challenge::new().with_resource_metadata(url.as_str());
        let value = challenge.expect("the URL was checked").to_header_value();
        assert_eq!(value, format!("Bearer resource_metadata=\"{url}\""));
    }
    let error = BearerError::InsufficientScope;
    if let Ok(challenge) = Challenge::new().with_error(error).with_scopes([text]) {
        let value = challenge.to_header_value();
        assert_eq!(value, format!("Bearer error=\"insufficient_scope\", scope=\"{text}\""));
    }
    if let Ok(challenge) = Challenge::new().with_description(text) {
        assert_eq!(challenge.to_header_value(), format!("Bearer error_description=\"{text}\""));
    }
});
