//! A task and a request state whose ids are signed: every replica with the key goes on with them. Their
//! tools are there with `--signing-key`.

use mcp_layers::{Principal, authorize::IdKind};
use rmcp::{
    ErrorData, RoleServer,
    handler::server::{router::tool::ToolRouter, tool::RequestState},
    model::{
        CallToolResponse, CallToolResult, ContentBlock, CreateTaskResult, DetailedTask,
        GetTaskResult, InputRequiredResult, Task, TaskPayload, TaskStatus,
    },
    service::RequestContext,
    task_manager::current_timestamp,
    tool, tool_router,
};

use crate::{
    arguments::{Parameters, Text},
    server::Everything,
    whoami,
};

impl Everything {
    pub(crate) fn signed_tools() -> ToolRouter<Self> {
        Self::signed_router()
    }
}

#[tool_router(router = signed_router)]
impl Everything {
    /// Returns a task, whose result is the text.
    #[tool]
    async fn later(
        &self,
        Parameters(Text { text }): Parameters<Text>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let principal = caller(&context)?;
        let id = self.signed_ids()?.issue(IdKind::Task, principal, &text);
        let task = Task::new(
            id,
            TaskStatus::Working,
            current_timestamp(),
            current_timestamp(),
        );
        Ok(CreateTaskResult::new(task).into())
    }

    /// Asks to be called again, then returns the text of the first call.
    #[tool]
    async fn again(
        &self,
        Parameters(Text { text }): Parameters<Text>,
        RequestState(state): RequestState,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (ids, principal) = (self.signed_ids()?, caller(&context)?);
        let Some(state) = state else {
            let state = ids.issue(IdKind::RequestState, principal, &text);
            return Ok(InputRequiredResult::from_request_state(state).into());
        };
        let text = ids.open(IdKind::RequestState, principal, &state);
        let text = text.map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}

/// The task with this id, which is done.
///
/// # Errors
/// It is not one of the caller.
pub(crate) fn task(
    server: &Everything,
    id: String,
    context: &RequestContext<RoleServer>,
) -> Result<GetTaskResult, ErrorData> {
    let text = server
        .signed_ids()?
        .open(IdKind::Task, caller(context)?, &id);
    let text = text.map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
    let result = CallToolResult::success(vec![ContentBlock::text(text)]);
    let result = serde_json::to_value(result)
        .ok()
        .and_then(|result| result.as_object().cloned());
    let task = Task::new(
        id,
        TaskStatus::Completed,
        current_timestamp(),
        current_timestamp(),
    );
    let payload = TaskPayload::Completed {
        result: result.unwrap_or_default(),
    };
    Ok(GetTaskResult::new(DetailedTask::new(task, payload)))
}

fn caller(context: &RequestContext<RoleServer>) -> Result<&Principal, ErrorData> {
    let missing = || ErrorData::internal_error("There is no principal", None);
    whoami::principal(context).ok_or_else(missing)
}
