//! The outcome of a request.

use mcp_layers_core::Outcome;

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallOutcome {
    /// None yet: the record opens a request.
    Open,
    /// A complete result.
    Success,
    /// A result with `isError: true`.
    ToolError,
    /// A protocol error, with its code; at the HTTP edge the status.
    Error(i32),
    /// The server asked for input first.
    InputRequired,
    /// The work continues as a task.
    TaskCreated,
    /// The service returned its own error: a layer or the transport failed.
    Failed,
    /// The service panicked.
    Panicked,
    /// The future was dropped: the caller cancelled, or went away.
    Cancelled,
}

impl CallOutcome {
    pub(crate) fn of(outcome: &Outcome<'_>) -> Self {
        match outcome {
            Outcome::ToolError => Self::ToolError,
            Outcome::Protocol { code, .. } => Self::Error(*code),
            Outcome::InputRequired => Self::InputRequired,
            Outcome::TaskCreated => Self::TaskCreated,
            // `Success`, and what a later version of the vocabulary may add.
            _ => Self::Success,
        }
    }

    /// The outcome as a label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Success => "success",
            Self::ToolError => "tool_error",
            Self::Error(_) => "error",
            Self::InputRequired => "input_required",
            Self::TaskCreated => "task_created",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Cancelled => "cancelled",
        }
    }

    /// The code of a protocol error.
    #[must_use]
    pub fn code(self) -> Option<i32> {
        match self {
            Self::Error(code) => Some(code),
            _ => None,
        }
    }

    /// True if the request did not do what it was sent for.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::ToolError | Self::Error(_) | Self::Failed | Self::Panicked | Self::Cancelled
        )
    }
}
