//! A server that puts a secret wherever a handler can put one.

use rmcp::{ErrorData, RoleServer, ServerHandler, model::*, service::RequestContext};
use serde_json::json;

/// A secret without a form, for places of which nothing is sent.
pub(crate) const SECRET: &str = "canary-4711";

/// The same in a form that redactors know, for places of which something is sent.
fn formed() -> String {
    format!("as app with password={SECRET}")
}

#[derive(Clone)]
pub(crate) struct Leaky;

/// Panics when it is dropped.
struct PanicsAsItIsDropped;

impl Drop for PanicsAsItIsDropped {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new(SECRET));
    }
}

/// The tools, by the place where they put the secret.
pub(crate) const TOOLS: [&str; 13] = [
    "error_message",
    "error_data",
    "app_code",
    "reserved_code",
    "validation_message",
    "validation_data",
    "tool_error_text",
    "tool_error_structured",
    "result_text",
    "panic",
    "panic_in_drop",
    "layer_fails",
    "layer_panics",
];

impl ServerHandler for Leaky {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
            .enable_completions()
            .enable_tasks()
            .build();
        ServerConfig::new(capabilities)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let error = |code, message: String| Err(ErrorData::new(ErrorCode(code), message, None));
        let text = |text: String| vec![ContentBlock::text(text)];
        match &*request.name {
            "error_message" => error(-32603, SECRET.to_owned()),
            "error_data" => {
                let data = json!({ "causes": [{ "deep": { SECRET: [SECRET] } }] });
                Err(ErrorData::internal_error("failed", Some(data)))
            }
            "app_code" => error(1000, SECRET.to_owned()),
            "reserved_code" => error(-32050, SECRET.to_owned()),
            "validation_message" => error(-32602, formed()),
            "validation_data" => {
                let data = json!({ "config": { "api_key": SECRET }, "said": formed() });
                Err(ErrorData::invalid_params("wrong", Some(data)))
            }
            "tool_error_text" => Ok(CallToolResult::error(text(formed())).into()),
            "tool_error_structured" => {
                let content = json!({ "db": { "password": SECRET }, "said": [formed()] });
                Ok(CallToolResult::structured_error(content).into())
            }
            "result_text" => Ok(CallToolResult::success(text(formed())).into()),
            "panic_in_drop" => {
                let _guard = PanicsAsItIsDropped;
                Ok(CallToolResult::success(vec![]).into())
            }
            _ => std::panic::resume_unwind(Box::new(SECRET)),
        }
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let contents = ResourceContents::text(formed(), request.uri);
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    async fn get_prompt(
        &self,
        _: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let message = PromptMessage::new_text(Role::User, formed());
        Ok(GetPromptResult::new(vec![message]).into())
    }

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::internal_error(SECRET, None))
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let now = "2026-01-01T00:00:00Z";
        let mut task = Task::new(request.task_id, TaskStatus::Failed, now, now);
        task.status_message = Some(SECRET.to_owned());
        let error = json!({ "code": -32603, "message": SECRET, "data": { "deep": [SECRET] } });
        let error = error.as_object().cloned().unwrap();
        Ok(GetTaskResult::new(DetailedTask::new(
            task,
            TaskPayload::Failed { error },
        )))
    }
}
