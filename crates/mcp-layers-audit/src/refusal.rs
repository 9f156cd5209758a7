//! Refusals of this layer.

use mcp_layers_core::{Event, McpError, code};
use serde_json::Value;

/// 503 with the outcome of the call. Reason `audit_unavailable`.
pub(crate) fn unavailable(outcome: &'static str) -> McpError {
    let message = format!("Service unavailable: the audit log cannot be written; {outcome}");
    McpError::public(code::UNAVAILABLE, message)
        .with("reason", "audit_unavailable")
        .with("outcome", outcome)
}

/// 503 for a caller that has its share of records under way. Reason `audit_share`.
pub(crate) fn beyond_share() -> McpError {
    let message = "Service unavailable: too many calls of this caller wait for their audit record";
    McpError::public(code::UNAVAILABLE, message)
        .with("reason", "audit_share")
        .with("outcome", NOT_RUN)
}

/// The event in the trail of a refusal.
pub(crate) fn event(name: &'static str) -> Event {
    Event::Custom {
        layer: "audit",
        name,
        detail: Box::new(Value::Null),
    }
}

pub(crate) const NOT_RUN: &str = "the call was not run";
pub(crate) const UNKNOWN: &str = "the call ran; its outcome is not known";
