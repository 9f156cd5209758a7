//! The methods that limits apply to.

use mcp_layers_core::Method;

/// True if a method does a server's work for a caller: what limits apply to by default.
pub(crate) fn does_work(method: Method<'_>) -> bool {
    matches!(
        method,
        Method::CallTool | Method::GetPrompt | Method::ReadResource | Method::Complete
    )
}

/// True if a method is never limited.
pub(crate) fn is_exempt(method: &Method<'_>) -> bool {
    method.is_lifecycle()
        || method.is_long_lived()
        || method.is_notification()
        || *method == Method::CancelTask
}
