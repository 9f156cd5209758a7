//! The definition of every tool: name, description, schema of its arguments.

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};

/// Tools that take no arguments.
const PLAIN: &[(&str, &str)] = &[
    ("test_simple_text", "Returns a text"),
    ("test_image_content", "Returns an image"),
    ("test_audio_content", "Returns audio"),
    ("test_embedded_resource", "Returns a resource"),
    (
        "test_multiple_content_types",
        "Returns a text, an image and a resource",
    ),
    ("test_error_handling", "Returns an error"),
    (
        "test_missing_capability",
        "Refuses clients that did not declare sampling",
    ),
    ("test_tool_with_logging", "Logs three times"),
    ("test_logging_tool", "Logs if the request asks for it"),
    ("test_tool_with_progress", "Reports progress three times"),
    ("test_reconnection", "Closes its stream before it answers"),
    (
        "test_trigger_tool_change",
        "Tells listeners that the tools changed",
    ),
    (
        "test_trigger_prompt_change",
        "Tells listeners that the prompts changed",
    ),
    (
        "test_elicitation_sep1034_defaults",
        "Asks the user with a default for every type",
    ),
    (
        "test_elicitation_sep1330_enums",
        "Asks the user with every form of an enumeration",
    ),
    (
        "test_input_required_result_elicitation",
        "Needs an answer of the user",
    ),
    (
        "test_input_required_result_sampling",
        "Needs an answer of the model",
    ),
    (
        "test_input_required_result_list_roots",
        "Needs the client's roots",
    ),
    (
        "test_input_required_result_request_state",
        "Needs its state back",
    ),
    (
        "test_input_required_result_tampered_state",
        "Needs its state back unchanged",
    ),
    (
        "test_input_required_result_multiple_inputs",
        "Needs three answers at once",
    ),
    (
        "test_input_required_result_multi_round",
        "Needs two answers, one after the other",
    ),
    (
        "test_input_required_result_capabilities",
        "Needs what the client declared it can give",
    ),
    (
        "test_streaming_elicitation",
        "Needs an answer, and asks on no other way than its result",
    ),
    ("failing_job", "A task that ends with a tool error"),
    (
        "protocol_error_job",
        "A task that ends with a protocol error",
    ),
    ("multi_input", "A task that asks two questions at once"),
    (
        "test_tool_with_task",
        "Needs an answer, then becomes a task",
    ),
];

/// Every tool the server has.
pub(crate) fn tools() -> Vec<Tool> {
    let plain = PLAIN
        .iter()
        .map(|(name, description)| tool(name, description, json!({ "type": "object" })));
    plain.chain(with_arguments()).collect()
}

fn with_arguments() -> [Tool; 7] {
    [
        tool(
            "test_sampling",
            "Asks the client's model",
            required("prompt", &json!({ "type": "string" })),
        ),
        tool(
            "test_elicitation",
            "Asks the user for a name and an address",
            required("message", &json!({ "type": "string" })),
        ),
        tool(
            "test_custom_header",
            "Takes an argument that clients repeat in an HTTP header",
            required(
                "value",
                &json!({ "type": "string", "x-mcp-header": "Value" }),
            ),
        ),
        tool(
            "json_schema_2020_12_tool",
            "Tool with JSON Schema 2020-12 features",
            contact(),
        ),
        tool(
            "greet",
            "Greets someone at once",
            required("name", &json!({ "type": "string" })),
        ),
        tool(
            "slow_compute",
            "Takes its time, as a task where the client knows tasks",
            json!({
                "type": "object",
                "properties": {
                    "seconds": { "type": "number", "minimum": 0 },
                    "label": { "type": "string" },
                },
            }),
        ),
        tool(
            "confirm_delete",
            "A task that asks before it would delete a file",
            required("filename", &json!({ "type": "string" })),
        ),
    ]
}

/// A schema with the keywords that implementations tend to lose.
fn contact() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {
                    "street": { "type": "string" },
                    "city": { "type": "string" },
                },
            },
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": {
            "properties": { "contactMethod": { "const": "phone" } },
            "required": ["contactMethod"],
        },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}

/// A schema of one argument that must be there.
fn required(name: &str, property: &Value) -> Value {
    json!({ "type": "object", "properties": { name: property }, "required": [name] })
}

fn tool(name: &'static str, description: &'static str, schema: Value) -> Tool {
    let schema = match schema {
        Value::Object(schema) => schema,
        _ => JsonObject::new(),
    };
    Tool::new(name, description, schema)
}
