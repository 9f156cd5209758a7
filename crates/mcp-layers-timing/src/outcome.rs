//! The outcome of a request, as far as metrics show it.

use mcp_layers_core::{End, McpResponse, code};

use crate::{
    attributes::{ERROR_TYPE, OTHER, RESULT_TYPE, STATUS_CODE},
    recorder::Attribute,
    settings::Side,
};

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Complete,
    Task,
    InputRequired,
    ToolError,
    /// A protocol error with this code.
    Code(i32),
    /// A protocol error whose code is not shown.
    OtherCode {
        failed: bool,
    },
    /// The future was dropped.
    Cancelled,
    /// The inner service returned an error, or panicked.
    Failed,
}

impl Outcome {
    pub(crate) fn of<R: McpResponse>(end: &End<'_, R>) -> Self {
        let End::Answered(response) = end else {
            return match end {
                End::Dropped => Self::Cancelled,
                _ => Self::Failed,
            };
        };
        match response.outcome() {
            mcp_layers_core::Outcome::ToolError => Self::ToolError,
            mcp_layers_core::Outcome::Protocol { code, .. } => Self::Code(code),
            mcp_layers_core::Outcome::InputRequired => Self::InputRequired,
            mcp_layers_core::Outcome::TaskCreated => Self::Task,
            // `Success`, and outcomes that a later version adds.
            _ => Self::Complete,
        }
    }

    /// The same without the code.
    pub(crate) fn without_code(self, side: Side) -> Self {
        match self {
            Self::Code(code) => Self::OtherCode {
                failed: is_failure(side, code),
            },
            other => other,
        }
    }

    pub(crate) fn describe(self, side: Side, attributes: &mut Vec<Attribute>) {
        let mut add = |name, value: String| attributes.push(Attribute::new(name, value));
        match self {
            Self::Complete => {}
            Self::Task => add(RESULT_TYPE, "task".to_owned()),
            Self::InputRequired => add(RESULT_TYPE, "input_required".to_owned()),
            Self::ToolError => add(ERROR_TYPE, "tool_error".to_owned()),
            Self::Cancelled => add(ERROR_TYPE, "cancelled".to_owned()),
            Self::Failed => add(ERROR_TYPE, OTHER.to_owned()),
            Self::Code(code) => {
                if is_failure(side, code) {
                    add(ERROR_TYPE, error_type(code));
                }
                add(STATUS_CODE, code.to_string());
            }
            Self::OtherCode { failed } => {
                if failed {
                    add(ERROR_TYPE, OTHER.to_owned());
                }
                add(STATUS_CODE, OTHER.to_owned());
            }
        }
    }
}

/// Codes of the protocol and of the layers, which are always shown.
pub(crate) fn is_always_shown(code: i32) -> bool {
    code::is_json_rpc(code) || code::is_mcp(code) || code::is_of_layers(code)
}

/// Five codes say that the caller made an error, which is not an error of the server (OpenTelemetry
/// semantic conventions for MCP, "Server"). On a client every code is an error.
fn is_failure(side: Side, code: i32) -> bool {
    let caller_error = matches!(
        code,
        code::PARSE_ERROR
            | code::INVALID_REQUEST
            | code::METHOD_NOT_FOUND
            | code::INVALID_PARAMS
            | code::RESOURCE_NOT_FOUND
    );
    side == Side::Client || !caller_error
}

fn error_type(code: i32) -> String {
    match code {
        code::CANCELLED => "cancelled".to_owned(),
        code::TIMED_OUT => "timeout".to_owned(),
        code => code.to_string(),
    }
}
