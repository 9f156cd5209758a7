//! How a request ended, as far as metrics tell it.

use mcp_layers_core::{Outcome, code};

use crate::{Attribute, attribute};

/// Whose duration it is. The same error says different things on the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Complete,
    Task,
    InputRequired,
    ToolError,
    /// An error of the protocol.
    Code(i32),
    /// An error of the protocol whose code is not told.
    AnyCode {
        failed: bool,
    },
    /// The future was dropped.
    Dropped,
    /// The inner service gave its own error, or panicked.
    Failed,
}

impl End {
    /// How many kinds [`End::kind`] tells apart.
    pub(crate) const KINDS: usize = 8;

    pub(crate) fn of(outcome: &Outcome<'_>) -> Self {
        match outcome {
            Outcome::ToolError => Self::ToolError,
            Outcome::Protocol { code, .. } => Self::Code(*code),
            Outcome::InputRequired => Self::InputRequired,
            Outcome::TaskCreated => Self::Task,
            // `Success`, and what a later version of the vocabulary may add.
            _ => Self::Complete,
        }
    }

    /// Whether the server must know a name to end a request for it like this. It may answer an
    /// unknown one with an error of either sort.
    pub(crate) fn proves_name(self) -> bool {
        matches!(self, Self::Complete | Self::Task | Self::InputRequired)
    }

    /// The same without the code.
    pub(crate) fn kind(self, side: Side) -> Self {
        match self {
            Self::Code(code) => Self::AnyCode {
                failed: is_failure(side, code),
            },
            other => other,
        }
    }

    pub(crate) fn describe(self, side: Side, attributes: &mut Vec<Attribute>) {
        let mut add = |name, value: String| attributes.push(Attribute::new(name, value));
        match self {
            Self::Complete => {}
            Self::Task => add(attribute::RESULT_TYPE, "task".to_owned()),
            Self::InputRequired => add(attribute::RESULT_TYPE, "input_required".to_owned()),
            Self::ToolError => add(attribute::ERROR_TYPE, "tool_error".to_owned()),
            Self::Dropped => add(attribute::ERROR_TYPE, "cancelled".to_owned()),
            Self::Failed => add(attribute::ERROR_TYPE, attribute::OTHER.to_owned()),
            Self::Code(code) => {
                if is_failure(side, code) {
                    add(attribute::ERROR_TYPE, error_type(code));
                }
                add(attribute::STATUS_CODE, code.to_string());
            }
            Self::AnyCode { failed } => {
                if failed {
                    add(attribute::ERROR_TYPE, attribute::OTHER.to_owned());
                }
                add(attribute::STATUS_CODE, attribute::OTHER.to_owned());
            }
        }
    }
}

/// The codes of the protocol and of our own layers: always told.
pub(crate) fn is_known_code(code: i32) -> bool {
    matches!(
        code,
        code::PARSE_ERROR
            | code::INVALID_REQUEST
            | code::METHOD_NOT_FOUND
            | code::INVALID_PARAMS
            | code::INTERNAL_ERROR
            | code::RESOURCE_NOT_FOUND
            | code::HEADER_MISMATCH
            | code::MISSING_CLIENT_CAPABILITY
            | code::UNSUPPORTED_PROTOCOL_VERSION
            | code::URL_ELICITATION_REQUIRED
            | code::UNAUTHENTICATED
            | code::FORBIDDEN
            | code::DEADLINE_EXCEEDED
            | code::TOO_LARGE
            | code::RATE_LIMITED
            | code::CANCELLED
            | code::UNAVAILABLE
            | code::TIMED_OUT
    )
}

/// Five codes say that the caller erred, which is no error of a server (OpenTelemetry semantic
/// conventions for MCP, "Server"). To a client, every code is an error.
fn is_failure(side: Side, code: i32) -> bool {
    let callers = matches!(
        code,
        code::PARSE_ERROR
            | code::INVALID_REQUEST
            | code::METHOD_NOT_FOUND
            | code::INVALID_PARAMS
            | code::RESOURCE_NOT_FOUND
    );
    side == Side::Client || !callers
}

fn error_type(code: i32) -> String {
    match code {
        code::CANCELLED => "cancelled".to_owned(),
        code::TIMED_OUT => "timeout".to_owned(),
        code => code.to_string(),
    }
}
