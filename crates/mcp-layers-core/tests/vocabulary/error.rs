use mcp_layers_core::{McpError, code};
use std::time::Duration;

#[test]
fn retry_after_is_rounded_up_and_read_back() {
    let error = McpError::rate_limited(Duration::from_nanos(1_000_001));
    assert_eq!(error.retry_after(), Some(Duration::from_millis(2)));
    assert_eq!(error.data.as_ref().unwrap()["reason"], "rate_limited");
    assert_eq!(
        McpError::rate_limited(Duration::ZERO).retry_after(),
        Some(Duration::ZERO)
    );
    let forever = McpError::unavailable().with_retry_after(Duration::MAX);
    assert_eq!(forever.retry_after(), Some(Duration::from_millis(u64::MAX)));
}

#[test]
fn own_codes_lie_outside_the_reserved_range() {
    for error in [
        McpError::unauthenticated(),
        McpError::forbidden(),
        McpError::deadline_exceeded(),
        McpError::too_large(),
        McpError::rate_limited(Duration::ZERO),
        McpError::cancelled(),
        McpError::unavailable(),
        McpError::timed_out(),
    ] {
        assert!(!(-32768..=-32000).contains(&error.code), "{error}");
        assert!(error.is_public());
    }
}

#[test]
fn an_error_is_masked_unless_it_says_otherwise() {
    assert!(!McpError::new(code::INTERNAL_ERROR, "db down").is_public());
    assert!(McpError::public(1000, "out of stock").is_public());
}
