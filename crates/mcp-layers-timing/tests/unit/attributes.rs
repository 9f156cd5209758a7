//! Unit tests of `src/attributes.rs`.

use super::Wire;
use mcp_layers_core::request::Transport;

#[test]
fn http_is_shown_with_its_version() {
    let wire = Wire {
        protocol_version: Some("2025-11-25"),
        transport: Some(Transport::Tcp),
        http_version: Some("2"),
    };
    let mut attributes = Vec::new();
    wire.describe(&mut attributes);
    let pairs: Vec<_> = attributes
        .iter()
        .map(|pair| (pair.name, pair.value.as_str()))
        .collect();
    let expected = [
        ("mcp.protocol.version", "2025-11-25"),
        ("network.transport", "tcp"),
        ("network.protocol.name", "http"),
        ("network.protocol.version", "2"),
    ];
    assert_eq!(pairs, expected);
    attributes.clear();
    Wire::default().describe(&mut attributes);
    assert!(attributes.is_empty());
}
