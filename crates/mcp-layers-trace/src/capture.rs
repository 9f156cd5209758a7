//! Arguments, results and prompt variables that are exported.

use std::collections::HashMap;

use mcp_layers_core::{Arguments, ConfigError, McpResponse};
use mcp_layers_redact::{Redactor, cut};
use opentelemetry::KeyValue;
use serde_json::{Map, Value};

const ARGUMENTS: &str = "gen_ai.tool.call.arguments";
const RESULT: &str = "gen_ai.tool.call.result";
const VARIABLE: &str = "gen_ai.prompt.variable";

/// The arguments, results and prompt variables that are exported: those on this list, and no others.
///
/// Secrets in the values are redacted ([`Redactor::credentials`]), and each attribute is cut to
/// [`Capture::max_bytes`]. That is a second line of defence; the list is the first. Arguments that the
/// server has not parsed ([`Arguments::Raw`]) are not exported.
///
/// ```
/// use mcp_layers_trace::{Capture, TraceLayer};
///
/// let capture = Capture::new()
///     .arguments("search", ["query", "limit"])
///     .result("search")
///     .prompt_variables("greet", ["language"]);
/// let layer = TraceLayer::server().capture(capture);
/// # let _ = layer;
/// ```
#[derive(Debug, Clone)]
pub struct Capture {
    arguments: Fields,
    variables: Fields,
    results: Vec<Box<str>>,
    max_bytes: usize,
    redactor: Redactor,
}

/// The allowed fields of each tool or prompt.
type Fields = HashMap<Box<str>, Vec<Box<str>>>;

impl Capture {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self {
            arguments: Fields::new(),
            variables: Fields::new(),
            results: Vec::new(),
            max_bytes: 1_024,
            redactor: Redactor::credentials(),
        }
    }

    /// Exports these top-level arguments of a tool, as one JSON object in `gen_ai.tool.call.arguments`.
    #[must_use]
    pub fn arguments<F: Into<Box<str>>>(
        mut self,
        tool: impl Into<Box<str>>,
        fields: impl IntoIterator<Item = F>,
    ) -> Self {
        let allowed = self.arguments.entry(tool.into()).or_default();
        allowed.extend(fields.into_iter().map(Into::into));
        self
    }

    /// Exports the results of a tool, as JSON in `gen_ai.tool.call.result`. It costs as much as sending
    /// the result once more.
    #[must_use]
    pub fn result(mut self, tool: impl Into<Box<str>>) -> Self {
        self.results.push(tool.into());
        self
    }

    /// Exports these arguments of a prompt, each in `gen_ai.prompt.variable.` and its name.
    #[must_use]
    pub fn prompt_variables<F: Into<Box<str>>>(
        mut self,
        prompt: impl Into<Box<str>>,
        fields: impl IntoIterator<Item = F>,
    ) -> Self {
        let allowed = self.variables.entry(prompt.into()).or_default();
        allowed.extend(fields.into_iter().map(Into::into));
        self
    }

    /// Sets the most bytes of one attribute. The default is 1,024.
    ///
    /// # Errors
    /// If `bytes` is zero.
    pub fn max_bytes(mut self, bytes: usize) -> Result<Self, ConfigError> {
        if bytes == 0 {
            return Err(ConfigError::new("max_bytes must be at least 1"));
        }
        self.max_bytes = bytes;
        Ok(self)
    }

    /// Sets the redactor. The default is [`Redactor::credentials`].
    #[must_use]
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// Adds the allowed arguments of a call of this tool.
    pub(crate) fn of_arguments(
        &self,
        tool: &str,
        arguments: Arguments<'_>,
        attributes: &mut Vec<KeyValue>,
    ) {
        let found = self.allowed(&self.arguments, tool, arguments);
        if !found.is_empty() {
            let text = Value::Object(found).to_string();
            attributes.push(KeyValue::new(ARGUMENTS, self.cut(&text)));
        }
    }

    /// Adds the allowed variables of this prompt.
    pub(crate) fn of_variables(
        &self,
        prompt: &str,
        arguments: Arguments<'_>,
        attributes: &mut Vec<KeyValue>,
    ) {
        for (name, value) in self.allowed(&self.variables, prompt, arguments) {
            let text = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            let key = format!("{VARIABLE}.{name}");
            attributes.push(KeyValue::new(key, self.cut(&text)));
        }
    }

    /// Adds the result of a call of this tool.
    pub(crate) fn of_result<R: McpResponse>(
        &self,
        tool: &str,
        response: &R,
        attributes: &mut Vec<KeyValue>,
    ) {
        if !self.results.iter().any(|allowed| **allowed == *tool) {
            return;
        }
        let mut json = Vec::new();
        response.write_json(&mut json);
        if let Ok(mut value) = serde_json::from_slice::<Value>(&json) {
            self.redactor.redact_json(&mut value);
            attributes.push(KeyValue::new(RESULT, self.cut(&value.to_string())));
        }
    }

    /// The allowed arguments that are there, redacted.
    fn allowed(&self, list: &Fields, target: &str, arguments: Arguments<'_>) -> Map<String, Value> {
        let fields = list.get(target).into_iter().flatten();
        let found = fields.filter_map(|field| {
            let value = arguments.get(field)?.clone();
            Some((String::from(&**field), value))
        });
        let mut found = Value::Object(found.collect());
        self.redactor.redact_json(&mut found);
        match found {
            Value::Object(found) => found,
            _ => Map::new(),
        }
    }

    fn cut(&self, text: &str) -> String {
        cut(text, self.max_bytes).into_owned()
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self::new()
    }
}
