//! OpenTelemetry's semantic conventions for MCP, as far as metrics and traces share them.
//!
//! `TimingLayer` and `TraceLayer` read an outcome through [`CallOutcome`], so that a histogram and a span
//! of one call have the same `error.type`.
//!
//! ```
//! use mcp_layers_util::conventions::{CallOutcome, Side};
//!
//! let invalid_params = CallOutcome::Code(-32602);
//! assert_eq!(invalid_params.error_type(Side::Server), None);
//! assert_eq!(invalid_params.error_type(Side::Client).as_deref(), Some("-32602"));
//! ```

use std::borrow::Cow;

use mcp_layers_core::{End, McpRequest, McpResponse, Method, Outcome, code};

/// The value in place of every value that is not shown.
pub const OTHER: &str = "_OTHER";

/// The side of the connection that is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The side that answers requests.
    Server,
    /// The side that sends requests.
    Client,
}

/// The outcome of a call, without its message and data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallOutcome {
    /// A complete result.
    Complete,
    /// A task was created: the work goes on.
    Task,
    /// The server asks for input.
    InputRequired,
    /// A `tools/call` result with `isError: true`.
    ToolError,
    /// A protocol error with this code.
    Code(i32),
    /// The future was dropped.
    Cancelled,
    /// The inner service returned an error, or panicked.
    Failed,
}

impl CallOutcome {
    /// The outcome of a call that has ended.
    pub fn of<R: McpResponse>(end: &End<'_, R>) -> Self {
        let End::Answered(response) = end else {
            return match end {
                End::Dropped => Self::Cancelled,
                _ => Self::Failed,
            };
        };
        match response.outcome() {
            Outcome::ToolError => Self::ToolError,
            Outcome::Protocol { code, .. } => Self::Code(code),
            Outcome::InputRequired => Self::InputRequired,
            Outcome::TaskCreated => Self::Task,
            // `Success`, and outcomes that a later version adds.
            _ => Self::Complete,
        }
    }

    /// The value of `error.type`; `None` for a call that did not fail.
    ///
    /// It is `tool_error`, `cancelled` (a dropped future, and code 499), `timeout` (code 504), [`OTHER`]
    /// for an error of the inner service and for a panic, and otherwise the code. On a server, the codes
    /// -32700, -32600, -32601, -32602 and -32002 are errors of the caller and have no `error.type`
    /// (OpenTelemetry semantic conventions for MCP, "Server").
    #[must_use]
    pub fn error_type(self, side: Side) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Complete | Self::Task | Self::InputRequired => return None,
            Self::Code(code) if side == Side::Server && is_of_caller(code) => return None,
            Self::ToolError => "tool_error".into(),
            Self::Cancelled | Self::Code(code::CANCELLED) => "cancelled".into(),
            Self::Code(code::TIMED_OUT) => "timeout".into(),
            Self::Code(code) => code.to_string().into(),
            Self::Failed => OTHER.into(),
        })
    }

    /// The code of a protocol error: the value of `rpc.response.status_code`.
    #[must_use]
    pub fn code(self) -> Option<i32> {
        match self {
            Self::Code(code) => Some(code),
            _ => None,
        }
    }

    /// The value of `mcp_layers.result_type`: `task` or `input_required`; `None` for finished work.
    #[must_use]
    pub fn result_type(self) -> Option<&'static str> {
        match self {
            Self::Task => Some("task"),
            Self::InputRequired => Some("input_required"),
            _ => None,
        }
    }
}

fn is_of_caller(code: i32) -> bool {
    matches!(
        code,
        code::PARSE_ERROR
            | code::INVALID_REQUEST
            | code::METHOD_NOT_FOUND
            | code::INVALID_PARAMS
            | code::RESOURCE_NOT_FOUND
    )
}

/// The method of a request; [`OTHER`] for one that the protocol does not have.
pub fn method<Req: McpRequest>(request: &Req) -> Method<'static> {
    request.method().known().unwrap_or(Method::Other(OTHER))
}

/// The protocol version of a request; [`OTHER`] for one that is not well known.
pub fn protocol_version<Req: McpRequest>(request: &Req) -> Option<&'static str> {
    let version = request.protocol_version()?;
    Some(one_of(&version, &PROTOCOL_VERSIONS))
}

/// The HTTP version of a request; [`OTHER`] for one that is not well known.
pub fn http_version<Req: McpRequest>(request: &Req) -> Option<&'static str> {
    let version = request.connection().http_version?;
    Some(one_of(version, &HTTP_VERSIONS))
}

const PROTOCOL_VERSIONS: [&str; 5] = [
    "2026-07-28",
    "2025-11-25",
    "2025-06-18",
    "2025-03-26",
    "2024-11-05",
];

const HTTP_VERSIONS: [&str; 4] = ["1.1", "2", "3", "1.0"];

fn one_of(text: &str, known: &[&'static str]) -> &'static str {
    let found = known.iter().find(|known| **known == text);
    found.copied().unwrap_or(OTHER)
}
