//! Another answer while a circuit is open.

use std::{borrow::Cow, time::Duration};

use mcp_layers_core::{McpError, McpRequest};

/// What an open circuit says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitOpen {
    /// The circuit: `tools/call NAME` for a tool, else the method, `upstream` or `_OTHER`.
    pub circuit: Cow<'static, str>,
    /// When it is tried again.
    pub retry_after: Duration,
}

impl CircuitOpen {
    /// The error that callers get: 503, reason `circuit_open`, with `retryAfterMs`.
    #[must_use]
    pub fn error(&self) -> McpError {
        McpError::public(mcp_layers_core::code::UNAVAILABLE, self.text())
            .with("reason", "circuit_open")
            .with_retry_after(self.retry_after)
    }

    /// What a model reads.
    #[must_use]
    pub fn text(&self) -> String {
        let seconds = self.retry_after.as_millis().div_ceil(1_000).max(1);
        format!(
            "This has failed too often and is switched off for now: do not call it again within \
             {seconds} s, go on without it."
        )
    }
}

/// Gives another answer while a circuit is open, such as one that was kept.
///
/// Closures `Fn(&Req, &CircuitOpen) -> Option<Req::Response>` are fallbacks too.
pub trait Fallback<Req: McpRequest> {
    /// The answer; `None` for the usual refusal.
    fn answer(&self, request: &Req, open: &CircuitOpen) -> Option<Req::Response>;
}

impl<F, Req> Fallback<Req> for F
where
    Req: McpRequest,
    F: Fn(&Req, &CircuitOpen) -> Option<Req::Response>,
{
    fn answer(&self, request: &Req, open: &CircuitOpen) -> Option<Req::Response> {
        self(request, open)
    }
}

/// No other answer: the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoFallback;

impl<Req: McpRequest> Fallback<Req> for NoFallback {
    fn answer(&self, _: &Req, _: &CircuitOpen) -> Option<Req::Response> {
        None
    }
}
