//! Answers of an upstream that HTTP carries as a status: 401, 403 and 429.

use std::error::Error;

use mcp_layers_core::{McpError, code};
use rmcp::{
    service::ServiceError,
    transport::streamable_http_client::{AuthRequiredError, InsufficientScopeError},
};

/// The error response that stands for a refusal by HTTP status; `None` for any other failure of
/// the transport.
pub(super) fn refusal(error: &ServiceError) -> Option<McpError> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let refusal = challenged(error).or_else(|| unchallenged(error));
        if refusal.is_some() {
            return refusal;
        }
        cause = error.source();
    }
    None
}

/// A 401 or 403 with a `WWW-Authenticate` header (RFC 6750, section 3).
fn challenged(cause: &(dyn Error + 'static)) -> Option<McpError> {
    if let Some(error) = cause.downcast_ref::<AuthRequiredError>() {
        return Some(unauthorized().with("wwwAuthenticate", &*error.www_authenticate_header));
    }
    let error = cause.downcast_ref::<InsufficientScopeError>()?;
    let refused = forbidden().with("wwwAuthenticate", &*error.www_authenticate_header);
    Some(match &error.required_scope {
        Some(scope) => {
            let scopes: Vec<_> = scope.split_whitespace().collect();
            let message = format!("Forbidden by the upstream: missing scope {scope}");
            let mut refused = refused.with("requiredScopes", scopes);
            refused.message = message.into();
            refused
        }
        None => refused,
    })
}

/// A status without a challenge, which rmcp keeps in the text of its error alone.
fn unchallenged(cause: &(dyn Error + 'static)) -> Option<McpError> {
    let text = cause.to_string();
    let text = text
        .strip_prefix("unexpected server response: ")
        .unwrap_or(&text);
    match text.strip_prefix("HTTP ")?.get(..3)? {
        "401" => Some(unauthorized()),
        "403" => Some(forbidden()),
        "429" => Some(
            McpError::new(code::RATE_LIMITED, "Too many requests for the upstream")
                .with("reason", "rate_limited"),
        ),
        _ => None,
    }
}

fn unauthorized() -> McpError {
    let message = "Authentication required by the upstream";
    McpError::new(code::UNAUTHENTICATED, message).with("reason", "unauthenticated")
}

fn forbidden() -> McpError {
    McpError::new(code::FORBIDDEN, "Forbidden by the upstream").with("reason", "forbidden")
}
