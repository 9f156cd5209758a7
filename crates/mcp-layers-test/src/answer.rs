//! The answers of a mock service.

use std::{error::Error, fmt};

use mcp_layers_core::{JsonRpcResponse, McpError};
use serde_json::Value;

use crate::Gate;

/// The answer of a [`MockService`](crate::MockService) to one request, and its time. Every answer is
/// addressed to the request that it answers.
#[derive(Debug, Clone)]
#[must_use]
pub struct Answer {
    pub(crate) what: What,
    pub(crate) polls: usize,
    pub(crate) gate: Option<Gate>,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Default,
    Result(Value),
    Error(McpError),
    ToolError(String),
    Response(Box<JsonRpcResponse>),
    Fail(MockError),
    PanicInCall(String),
    Panic(String),
}

impl Answer {
    fn new(what: What) -> Self {
        Self {
            what,
            polls: 0,
            gate: None,
        }
    }

    /// A plausible result for the request's method: [`results::of`](crate::results::of).
    pub fn plausible() -> Self {
        Self::new(What::Default)
    }

    /// A result.
    pub fn result(result: Value) -> Self {
        Self::new(What::Result(result))
    }

    /// A protocol error.
    pub fn error(error: McpError) -> Self {
        Self::new(What::Error(error))
    }

    /// A tool result with `isError: true`.
    pub fn tool_error(text: impl Into<String>) -> Self {
        Self::new(What::ToolError(text.into()))
    }

    /// A whole response, including its trail.
    pub fn response(response: JsonRpcResponse) -> Self {
        Self::new(What::Response(Box::new(response)))
    }

    /// A service error, `S::Error`.
    pub fn fail(message: impl Into<String>) -> Self {
        Self::new(What::Fail(MockError::new(message)))
    }

    /// A panic in `call`, before there is a future. It prints nothing.
    pub fn panic_in_call(message: impl Into<String>) -> Self {
        Self::new(What::PanicInCall(message.into()))
    }

    /// A panic while the future is polled. It prints nothing.
    pub fn panic(message: impl Into<String>) -> Self {
        Self::new(What::Panic(message.into()))
    }

    /// No answer, ever.
    pub fn never() -> Self {
        Self::plausible().behind(&Gate::closed())
    }

    /// The same answer after the future was pending `polls` times. Each time, it wakes its task.
    pub fn after_polls(mut self, polls: usize) -> Self {
        self.polls = polls;
        self
    }

    /// The same answer once the gate is open.
    pub fn behind(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }
}

impl From<Value> for Answer {
    fn from(result: Value) -> Self {
        Self::result(result)
    }
}

impl From<McpError> for Answer {
    fn from(error: McpError) -> Self {
        Self::error(error)
    }
}

impl From<JsonRpcResponse> for Answer {
    fn from(response: JsonRpcResponse) -> Self {
        Self::response(response)
    }
}

impl From<MockError> for Answer {
    fn from(error: MockError) -> Self {
        Self::new(What::Fail(error))
    }
}

/// The error of a [`MockService`](crate::MockService).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MockError {
    message: String,
}

impl MockError {
    /// Creates an error with this text.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl fmt::Display for MockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for MockError {}
