#![allow(clippy::unwrap_used)]

use mcp_layers_authenticate::{CachedVerifier, RemoteKeySet};
use serde_json::json;

use super::*;

const URL: &str = "https://issuer.example/keys";

#[test]
fn the_defaults_are_those_of_the_verifier() {
    let settings: JwtSettings = serde_json::from_value(json!({
        "issuer": "https://issuer.example",
        "audience": "https://mcp.example",
        "keys": { "remote": { "url": URL } },
    }))
    .unwrap();
    let (_, keys) = settings.keys.keys("keys").unwrap();
    let built = settings.uncached("jwt", keys).unwrap();
    let keys = RemoteKeySet::new(URL).unwrap();
    let made = JwtVerifier::new("https://issuer.example", "https://mcp.example", keys);
    assert_eq!(format!("{built:?}"), format!("{:?}", made.unwrap()));
}

#[test]
fn the_cache_has_the_defaults_of_the_verifier() {
    let cache = VerifierCacheSettings::default();
    let built = cache
        .cached(mcp_layers_authenticate::ApiKeys::new(), "cache")
        .unwrap();
    let made = CachedVerifier::new(mcp_layers_authenticate::ApiKeys::new());
    assert_eq!(format!("{built:?}"), format!("{made:?}"));
}

#[test]
fn an_audience_or_the_consent_to_any_is_required() {
    let settings: JwtSettings = serde_json::from_value(json!({
        "issuer": "https://issuer.example",
        "keys": { "remote": { "url": URL } },
    }))
    .unwrap();
    let Err(error) = settings.verifier("authenticate.jwt.main") else {
        panic!("it was accepted");
    };
    assert_eq!(error.path(), "authenticate.jwt.main");
}
