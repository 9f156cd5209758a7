//! Dispatch of tool calls, and the tools that only return content.

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
        JsonObject, ResourceContents, ServerNotification,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::{client, notify, rounds, server::ConformanceServer, tasks};

/// A PNG of one red pixel, in base64.
pub(crate) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC";

/// A WAV without samples, in base64.
const SILENCE: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

/// Runs a tool.
///
/// # Errors
///
/// Invalid params for an unknown tool or a bad argument, and what the tool itself fails with.
pub(crate) async fn call(
    server: &ConformanceServer,
    request: CallToolRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let empty = JsonObject::new();
    let arguments = request.arguments.as_ref().unwrap_or(&empty);
    match request.name.as_ref() {
        "test_simple_text" => Ok(text("This is a simple text response for testing.")),
        "test_image_content" => Ok(content([ContentBlock::image(PIXEL, "image/png")])),
        "test_audio_content" => Ok(content([ContentBlock::audio(SILENCE, "audio/wav")])),
        "test_embedded_resource" => Ok(content([ContentBlock::resource(ResourceContents::text(
            "This is an embedded resource content.",
            "test://embedded-resource",
        ))])),
        "test_multiple_content_types" => Ok(mixed()),
        "test_error_handling" => Ok(failure(
            "This tool intentionally returns an error for testing",
        )),
        "json_schema_2020_12_tool" | "test_custom_header" => Ok(text(json!(arguments).to_string())),
        "test_missing_capability" => needs_sampling(&context),

        "test_tool_with_logging" => notify::logging(&context).await,
        "test_logging_tool" => notify::logging_on_request(&context).await,
        "test_tool_with_progress" => notify::progress(&context).await,
        "test_reconnection" => notify::reconnection(server, &context).await,
        "test_trigger_tool_change" => {
            let changed = ServerNotification::ToolListChangedNotification(Default::default());
            server.subscriptions().tell(&changed).await;
            Ok(text("Every listener was told that the tools changed"))
        }
        "test_trigger_prompt_change" => {
            let changed = ServerNotification::PromptListChangedNotification(Default::default());
            server.subscriptions().tell(&changed).await;
            Ok(text("Every listener was told that the prompts changed"))
        }

        "test_sampling" => client::sampling(arguments, &context).await,
        "test_elicitation" => client::elicitation(arguments, &context).await,
        "test_elicitation_sep1034_defaults" => client::elicitation_defaults(&context).await,
        "test_elicitation_sep1330_enums" => client::elicitation_enums(&context).await,

        name if tasks::NAMES.contains(&name) => tasks::call(server, &request, &context).await,
        _ => rounds::call(server, &request, &capabilities(&context)),
    }
}

/// A result of one text.
pub(crate) fn text(text: impl Into<String>) -> CallToolResponse {
    content([ContentBlock::text(text)])
}

/// A result that says what went wrong.
pub(crate) fn failure(text: impl Into<String>) -> CallToolResponse {
    CallToolResult::error(vec![ContentBlock::text(text)]).into()
}

/// The error for a tool that does not exist.
pub(crate) fn unknown(name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("Unknown tool: {name}"), None)
}

/// The capabilities that the caller declares.
pub(crate) fn capabilities(context: &RequestContext<RoleServer>) -> ClientCapabilities {
    context.client_capabilities().unwrap_or_default()
}

/// An argument that must be there and be a string.
pub(crate) fn string<'a>(arguments: &'a JsonObject, name: &str) -> Result<&'a str, ErrorData> {
    arguments.get(name).and_then(Value::as_str).ok_or_else(|| {
        ErrorData::invalid_params(
            format!("Argument {name} is missing or not a string"),
            Some(json!({ "argument": name })),
        )
    })
}

fn content(blocks: impl Into<Vec<ContentBlock>>) -> CallToolResponse {
    CallToolResult::success(blocks.into()).into()
}

fn mixed() -> CallToolResponse {
    let data = json!({ "test": "data", "value": 123 }).to_string();
    let resource = ResourceContents::text(data, "test://mixed-content-resource");
    content([
        ContentBlock::text("Multiple content types test:"),
        ContentBlock::image(PIXEL, "image/png"),
        ContentBlock::resource(resource.with_mime_type("application/json")),
    ])
}

// Sampling is deprecated in rmcp, and asked for by the suite.
#[expect(deprecated)]
fn needs_sampling(context: &RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
    if capabilities(context).sampling.is_some() {
        Ok(text("The client declared sampling"))
    } else {
        let required = ClientCapabilities::builder().enable_sampling().build();
        Err(ErrorData::missing_required_client_capability(required))
    }
}
