//! Fallbacks: other answers while a circuit is open.

use std::{borrow::Cow, time::Duration};

use mcp_layers_core::{McpError, McpRequest};

/// The refusal of an open circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitOpen {
    /// The circuit: `tools/call NAME` for a tool, otherwise the method, `upstream` or `_OTHER`.
    pub circuit: Cow<'static, str>,
    /// The time until a call may pass.
    pub retry_after: Duration,
}

impl CircuitOpen {
    /// The error that callers get: 503, reason `circuit_open`, with `retryAfterMs`, and the message
    /// "Circuit open for NAME: try again in 5 s".
    #[must_use]
    pub fn error(&self) -> McpError {
        let name = match &*self.circuit {
            "_OTHER" => "tools without a circuit of their own",
            circuit => circuit.strip_prefix("tools/call ").unwrap_or(circuit),
        };
        let message = format!("Circuit open for {name}");
        McpError::public(mcp_layers_core::code::UNAVAILABLE, message)
            .with("reason", "circuit_open")
            .try_again_in(self.retry_after)
    }
}

/// An alternative answer while a circuit is open, for example a stored one.
///
/// Closures `Fn(&Req, &CircuitOpen) -> Option<Req::Response>` are fallbacks too.
pub trait Fallback<Req: McpRequest> {
    /// The answer to `request`. `None` stands for the usual refusal.
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

/// The default fallback: the usual refusal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoFallback;

impl<Req: McpRequest> Fallback<Req> for NoFallback {
    fn answer(&self, _: &Req, _: &CircuitOpen) -> Option<Req::Response> {
        None
    }
}
