//! rmcp's result or error, as a response that layers read.

use std::fmt;

use mcp_layers_core::{
    Listed, McpError, McpResponse, Method, Outcome, StoredResponse, Trail,
    adapter::{json_result, serialized_size, write_serialized},
    response::{CacheHint, TextSite},
};
use rmcp::{
    ErrorData,
    model::{CallToolResult, ContentBlock, ErrorCode, ServerResult, TaskPayload},
};
use serde_json::Value;

use super::{result, texts};

/// A handler's result or error, with the trail of the layers that it passed.
#[derive(Clone)]
pub struct RmcpResponse {
    /// A box, because it is large, and every layer moves it.
    result: Box<Result<ServerResult, ErrorData>>,
    trail: Trail,
}

impl RmcpResponse {
    /// A result or an error, with an empty trail.
    #[must_use]
    pub fn new(result: Result<ServerResult, ErrorData>) -> Self {
        Self {
            result: Box::new(result),
            trail: Trail::new(),
        }
    }

    /// The result or the error.
    ///
    /// # Errors
    /// The error, when the response is one.
    pub fn result(&self) -> Result<&ServerResult, &ErrorData> {
        (*self.result).as_ref()
    }

    /// The result or the error, to be changed in place.
    pub fn result_mut(&mut self) -> &mut Result<ServerResult, ErrorData> {
        &mut self.result
    }

    /// The result or the error, without the trail.
    ///
    /// # Errors
    /// The error, when the response is one.
    pub fn into_result(self) -> Result<ServerResult, ErrorData> {
        *self.result
    }
}

impl From<Result<ServerResult, ErrorData>> for RmcpResponse {
    fn from(result: Result<ServerResult, ErrorData>) -> Self {
        Self::new(result)
    }
}

impl StoredResponse for RmcpResponse {
    fn from_json((): (), method: Method<'_>, json: &[u8]) -> Option<Self> {
        Some(Self::new(Ok(result::read(method, json)?)))
    }
}

impl McpResponse for RmcpResponse {
    type ReplyTo = ();

    fn outcome(&self) -> Outcome<'_> {
        match &*self.result {
            Err(ErrorData {
                code,
                message,
                data,
            }) => Outcome::Protocol {
                code: code.0,
                message,
                data: data.as_ref(),
            },
            Ok(ServerResult::CallToolResult(result)) if result.is_error == Some(true) => {
                Outcome::ToolError
            }
            Ok(ServerResult::InputRequiredResult(_)) => Outcome::InputRequired,
            Ok(ServerResult::CreateTaskResult(_)) => Outcome::TaskCreated,
            Ok(ServerResult::CustomResult(custom)) => json_result::outcome(&custom.0),
            Ok(_) => Outcome::Success,
        }
    }

    fn from_error((): (), error: McpError) -> Self {
        let mut trail = Trail::new();
        trail.set_public(error.is_public());
        Self {
            result: Box::new(Err(error_data(error))),
            trail,
        }
    }

    fn from_tool_error((): (), text: String) -> Self {
        let result = CallToolResult::error(vec![ContentBlock::text(text)]);
        Self::new(Ok(ServerResult::CallToolResult(result)))
    }

    fn into_error(self) -> Result<McpError, Self> {
        match *self.result {
            Err(error) => Ok(mcp_error(error, self.trail.is_public())),
            Ok(_) => Err(self),
        }
    }

    fn readdress(self, (): ()) -> Self {
        self
    }

    fn trail(&self) -> &Trail {
        &self.trail
    }

    fn trail_mut(&mut self) -> &mut Trail {
        &mut self.trail
    }

    fn visit_listed(&self, visit: &mut dyn FnMut(Listed<'_>)) {
        if let Ok(result) = &*self.result {
            result::visit_listed(result, visit);
        }
    }

    fn retain_listed(&mut self, keep: &mut dyn FnMut(Listed<'_>) -> bool) -> usize {
        (*self.result)
            .as_mut()
            .map_or(0, |result| result::retain_listed(result, keep))
    }

    fn visit_texts_mut(&mut self, visit: &mut dyn FnMut(TextSite, &mut String)) {
        match &mut *self.result {
            Ok(result) => texts::visit_result(result, visit),
            Err(error) => texts::visit_error(error, visit),
        }
    }

    fn structured_content_mut(&mut self) -> Option<&mut Value> {
        match (*self.result).as_mut().ok()? {
            ServerResult::CallToolResult(result) => result.structured_content.as_mut(),
            ServerResult::CustomResult(custom) => {
                json_result::structured_content_mut(&mut custom.0)
            }
            _ => None,
        }
    }

    fn visit_json_mut(&mut self, visit: &mut dyn FnMut(&mut Value)) {
        if let Ok(result) = &mut *self.result {
            texts::visit_json(result, visit);
        }
    }

    fn task_error(&self) -> Option<McpError> {
        match (*self.result).as_ref().ok()? {
            ServerResult::GetTaskResult(result) => match &result.task.payload {
                TaskPayload::Failed { error } => Some(json_result::read_error(error)),
                _ => None,
            },
            ServerResult::CustomResult(custom) => json_result::task_error(&custom.0),
            _ => None,
        }
    }

    fn set_task_error(&mut self, error: McpError) -> bool {
        let task = match &mut *self.result {
            Ok(ServerResult::GetTaskResult(result)) => &mut result.task,
            Ok(ServerResult::CustomResult(custom)) => {
                return json_result::set_task_error(&mut custom.0, &error);
            }
            _ => return false,
        };
        let TaskPayload::Failed { error: failed } = &mut task.payload else {
            return false;
        };
        *failed = json_result::write_error(&error);
        if let Some(status) = &mut task.task.status_message {
            *status = error.message.into_owned();
        }
        true
    }

    fn task_id(&self) -> Option<&str> {
        match (*self.result).as_ref().ok()? {
            ServerResult::CreateTaskResult(result) => Some(&result.task.task_id),
            ServerResult::GetTaskResult(result) => Some(&result.task.task.task_id),
            ServerResult::CustomResult(custom) => json_result::task_id(&custom.0),
            _ => None,
        }
    }

    fn request_state(&self) -> Option<&str> {
        match &*self.result {
            Ok(ServerResult::InputRequiredResult(result)) => result.request_state.as_deref(),
            _ => None,
        }
    }

    fn next_cursor(&self) -> Option<&str> {
        result::next_cursor((*self.result).as_ref().ok()?)
    }

    fn cache_hint(&self) -> CacheHint {
        (*self.result)
            .as_ref()
            .map_or_else(|_| CacheHint::default(), result::cache_hint)
    }

    fn set_cache_hint(&mut self, hint: CacheHint) -> bool {
        (*self.result)
            .as_mut()
            .is_ok_and(|result| result::set_cache_hint(result, hint))
    }

    fn insert_meta(&mut self, key: &str, value: Value) -> bool {
        (*self.result)
            .as_mut()
            .is_ok_and(|result| result::insert_meta(result, key, value))
    }

    fn size_estimate(&self) -> usize {
        match &*self.result {
            Ok(result) => serialized_size(result),
            Err(error) => serialized_size(error),
        }
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        match &*self.result {
            Ok(result) => write_serialized(result, out),
            Err(error) => write_serialized(error, out),
        }
    }
}

/// Without the result and the error, which may hold secrets.
impl fmt::Debug for RmcpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RmcpResponse")
            .field("code", &self.outcome().code())
            .field("trail", &self.trail)
            .finish_non_exhaustive()
    }
}

/// An error of the core vocabulary as rmcp sends it.
pub(crate) fn error_data(error: McpError) -> ErrorData {
    ErrorData {
        code: ErrorCode(error.code),
        message: error.message,
        data: error.data,
    }
}

fn mcp_error(error: ErrorData, public: bool) -> McpError {
    let make = if public {
        McpError::public
    } else {
        McpError::new
    };
    make(error.code.0, error.message).with_data(error.data)
}
