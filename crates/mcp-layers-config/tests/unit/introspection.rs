#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

#[test]
fn the_defaults_are_those_of_the_verifier() {
    let of = [
        "https://issuer.example/introspect",
        "https://issuer.example",
        "https://mcp.example",
    ];
    let settings = json!({ "url": of[0], "issuer": of[1], "audience": of[2] });
    let settings: IntrospectionSettings = serde_json::from_value(settings).unwrap();
    let (_, built) = settings.uncached("introspection").unwrap();
    let made = Introspection::new(of[0], of[1], of[2]).unwrap();
    assert_eq!(format!("{built:?}"), format!("{made:?}"));
}
