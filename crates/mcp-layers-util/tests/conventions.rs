//! Values that metrics and traces share.
#![allow(clippy::unwrap_used)]

use mcp_layers_core::{JsonRpcRequest, Method};
use mcp_layers_util::conventions::{OTHER, method, protocol_version};

#[test]
fn what_a_caller_invents_is_other() {
    let request = |version| JsonRpcRequest::new(1, "vendor/thing").with_protocol_version(version);
    assert_eq!(method(&request("2026-07-28")), Method::Other(OTHER));
    assert_eq!(protocol_version(&request("2026-07-28")), Some("2026-07-28"));
    assert_eq!(protocol_version(&request("2099-01-01")), Some(OTHER));
    assert_eq!(protocol_version(&JsonRpcRequest::new(1, "ping")), None);
}
