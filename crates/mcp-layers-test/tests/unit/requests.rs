//! Unit tests of `src/requests.rs`.

use super::{continuation, every_method, modern, of, params, unknown_methods};
use mcp_layers_core::{McpRequest, Method};

#[test]
fn no_request_method_is_missing() {
    for method in Method::KNOWN {
        assert_eq!(
            params(*method).is_none(),
            method.is_notification(),
            "{method}"
        );
    }
    let requests = every_method();
    assert!(
        requests
            .iter()
            .any(|request| request.method() == Method::Listen)
    );
    assert!(
        requests
            .iter()
            .all(|request| request.method().known().is_some())
    );
}

#[test]
fn modern_requests_are_modern_and_legacy_ones_are_not() {
    for request in every_method() {
        assert!(!request.is_modern());
        let modern = modern(request.clone());
        assert!(modern.is_modern(), "{}", request.method());
        assert_eq!(modern.target(), request.target());
    }
}

#[test]
fn methods_with_a_target_have_one() {
    for method in [
        Method::CallTool,
        Method::GetPrompt,
        Method::ReadResource,
        Method::GetTask,
    ] {
        assert!(of(1, method).target().is_some(), "{method}");
    }
    assert!(continuation(of(1, Method::CallTool)).is_continuation());
}

#[test]
fn unknown_methods_are_unknown() {
    for request in unknown_methods() {
        assert!(request.method().known().is_none(), "{}", request.method());
    }
}
