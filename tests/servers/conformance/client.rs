//! Tools that put a request to the client while they run, as protocol versions before 2026-07-28 allow.

// Sampling is deprecated in rmcp, and asked for by the suite.
#![expect(deprecated)]

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolResponse, CreateMessageRequestParams, ElicitRequestParams, ElicitationSchema,
        JsonObject, SamplingMessage,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::tools;

/// Asks the client's model and repeats what it said.
pub(crate) async fn sampling(
    arguments: &JsonObject,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let prompt = tools::string(arguments, "prompt")?;
    let request = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], 100);
    Ok(match context.peer.create_message(request).await {
        Ok(answer) => {
            let said = answer.message.content.first();
            let said = said.and_then(|content| content.as_text());
            let said = said.map_or("(no text)", |content| content.text.as_str());
            tools::text(format!("LLM response: {said}"))
        }
        Err(error) => tools::failure(format!("Sampling failed: {error}")),
    })
}

/// Asks the user for a name and an address.
pub(crate) async fn elicitation(
    arguments: &JsonObject,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let message = tools::string(arguments, "message")?;
    let schema = json!({
        "type": "object",
        "properties": {
            "username": { "type": "string", "description": "User's response" },
            "email": { "type": "string", "description": "User's email address" },
        },
        "required": ["username", "email"],
    });
    ask(context, message, schema).await
}

/// Asks with a default for every primitive type.
pub(crate) async fn elicitation_defaults(
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let states = ["active", "inactive", "pending"];
    let schema = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "default": "John Doe" },
            "age": { "type": "integer", "default": 30 },
            "score": { "type": "number", "default": 95.5 },
            "status": { "type": "string", "enum": states, "default": "active" },
            "verified": { "type": "boolean", "default": true },
        },
    });
    ask(context, "Check these defaults", schema).await
}

/// Asks with every form an enumeration can take.
pub(crate) async fn elicitation_enums(
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let options = ["option1", "option2", "option3"];
    let titled = |noun: &str| {
        json!([
            { "const": "value1", "title": format!("First {noun}") },
            { "const": "value2", "title": format!("Second {noun}") },
            { "const": "value3", "title": format!("Third {noun}") },
        ])
    };
    let schema = json!({
        "type": "object",
        "properties": {
            "untitledSingle": { "type": "string", "enum": options },
            "titledSingle": { "type": "string", "oneOf": titled("Option") },
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {
                "type": "array",
                "items": { "type": "string", "enum": options },
            },
            "titledMulti": { "type": "array", "items": { "anyOf": titled("Choice") } },
        },
    });
    ask(context, "Choose one of each", schema).await
}

/// A form to be filled in by the user.
///
/// # Errors
///
/// Internal error if `schema` is not one an elicitation may carry.
pub(crate) fn form(message: &str, schema: Value) -> Result<ElicitRequestParams, ErrorData> {
    let requested_schema: ElicitationSchema = serde_json::from_value(schema)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    Ok(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message.to_owned(),
        requested_schema,
    })
}

async fn ask(
    context: &RequestContext<RoleServer>,
    message: &str,
    schema: Value,
) -> Result<CallToolResponse, ErrorData> {
    let form = form(message, schema)?;
    Ok(match context.peer.create_elicitation(form).await {
        Ok(answer) => {
            let (action, content) = (json!(answer.action), json!(answer.content));
            tools::text(format!("User response: action={action}, content={content}"))
        }
        Err(error) => tools::failure(format!("Elicitation failed: {error}")),
    })
}
