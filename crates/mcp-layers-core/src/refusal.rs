//! Refusals: answers that a layer gives without the inner service.

use crate::{Event, McpError, McpRequest, McpResponse, Method};

/// The form of a layer's refusals: a protocol error, or a tool result with `isError: true`.
///
/// Every refusal carries an [`Event`] in its trail, so that outer layers record and count it.
/// A model reads a tool result; most clients show a protocol error's message to a person instead.
/// Requests other than `tools/call` are always refused with a protocol error.
///
/// ```
/// use mcp_layers_core::{Event, JsonRpcRequest, McpError, McpResponse, Outcome, Refusal};
///
/// let call = JsonRpcRequest::call_tool(1, "report", serde_json::json!({}));
/// let denied = || Event::Denied { rule: "reports".into() };
///
/// let answer = Refusal::new().answer(&call, McpError::forbidden(), denied());
/// assert_eq!(answer.outcome().code(), Some(403));
/// let answer = Refusal::new().as_tool_error().answer(&call, McpError::forbidden(), denied());
/// assert_eq!(answer.outcome(), Outcome::ToolError);
/// assert_eq!(answer.trail().events().len(), 1);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refusal {
    as_tool_error: bool,
}

impl Refusal {
    /// Refuses every request with a protocol error.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses `tools/call` with a tool result that has `isError: true` and the error's message as
    /// its text.
    #[must_use]
    pub fn as_tool_error(self) -> Self {
        Self {
            as_tool_error: true,
        }
    }

    /// Answers `request` with `error`, and adds `event` to the trail.
    pub fn answer<Req: McpRequest>(
        self,
        request: &Req,
        error: McpError,
        event: Event,
    ) -> Req::Response {
        self.address(request).answer(error, event)
    }

    /// The address of a refusal that may come when the request is gone.
    pub fn address<Req: McpRequest>(self, request: &Req) -> RefusalAddress<Req::ReplyTo> {
        RefusalAddress {
            reply_to: request.reply_to(),
            as_tool_error: self.as_tool_error && request.method() == Method::CallTool,
        }
    }
}

/// The address and the form of a refusal to one request. Made by [`Refusal::address`].
#[derive(Debug, Clone)]
pub struct RefusalAddress<T> {
    reply_to: T,
    as_tool_error: bool,
}

impl<T> RefusalAddress<T> {
    /// Answers with `error`, and adds `event` to the trail.
    pub fn answer<R: McpResponse<ReplyTo = T>>(self, error: McpError, event: Event) -> R {
        let mut response = if self.as_tool_error {
            R::from_tool_error(self.reply_to, error.message.into_owned())
        } else {
            R::from_error(self.reply_to, error)
        };
        response.trail_mut().push(event);
        response
    }
}
