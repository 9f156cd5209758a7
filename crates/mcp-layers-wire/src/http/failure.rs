//! Failures of HTTP, as layers see them.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header, response::Parts};
use mcp_layers_core::{McpError, code};

/// The error that stands for an HTTP status without a JSON-RPC message.
///
/// A failure of the client is public: an error mask leaves it, and with it the body of the server. A
/// failure of the server is not, since its body may show the inside.
pub(super) fn error(head: &Parts) -> McpError {
    let status = head.status;
    match status {
        StatusCode::UNAUTHORIZED => McpError::unauthenticated(),
        StatusCode::FORBIDDEN => McpError::forbidden(),
        StatusCode::PAYLOAD_TOO_LARGE => McpError::too_large(),
        StatusCode::TOO_MANY_REQUESTS => McpError::rate_limited(retry_after(&head.headers)),
        StatusCode::GATEWAY_TIMEOUT => McpError::new(code::TIMED_OUT, text(status)),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => {
            McpError::new(code::UNAVAILABLE, text(status))
        }
        _ if status.is_client_error() => McpError::public(code::INVALID_REQUEST, text(status)),
        _ => McpError::new(code::INTERNAL_ERROR, text(status)),
    }
}

fn text(status: StatusCode) -> String {
    format!("The server answered with HTTP status {}", status.as_u16())
}

/// The time in seconds of `Retry-After`; a second without one.
fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or(1))
}
