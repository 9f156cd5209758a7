//! Arguments and results of the tools; rmcp derives their schemas.

use std::borrow::Cow;

use rmcp::{
    ErrorData,
    handler::server::{common::FromContextPart, tool::ToolCallContext},
    schemars::{self, JsonSchema, Schema, SchemaGenerator},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A tool's arguments. Unlike rmcp's wrapper of this name, which its macros know too, it answers
/// arguments that do not fit with -32602 and not with a tool error.
pub(crate) struct Parameters<P>(pub(crate) P);

impl<P: JsonSchema> JsonSchema for Parameters<P> {
    fn schema_name() -> Cow<'static, str> {
        P::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        P::json_schema(generator)
    }
}

impl<S, P: DeserializeOwned> FromContextPart<ToolCallContext<'_, S>> for Parameters<P> {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        let arguments = context.arguments.take().unwrap_or_default();
        let parameters = serde_json::from_value(Value::Object(arguments));
        let problem = |problem| format!("Invalid arguments: {problem}");
        parameters
            .map(Self)
            .map_err(|error| ErrorData::invalid_params(problem(error), None))
    }
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Text {
    /// The text to give back.
    pub(crate) text: String,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Terms {
    pub(crate) a: f64,
    pub(crate) b: f64,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Sum {
    pub(crate) sum: f64,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Pause {
    /// The pause, in milliseconds.
    pub(crate) ms: u64,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Flaky {
    /// Each key has its own count of runs.
    pub(crate) key: String,
    /// The number of failures before it works.
    pub(crate) failures: u64,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Message {
    /// The message.
    pub(crate) message: String,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Size {
    /// The length of the text, in bytes.
    pub(crate) bytes: usize,
}
