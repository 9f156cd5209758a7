use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::{Value, json};

use super::JsonRpcReplyTo;
use crate::{
    Listed, McpError, McpResponse, Method, Outcome, StoredResponse, Trail,
    adapter::json_result,
    json::{json_size, visit_json_texts, write_serialized},
    request::RequestId,
    response::{CacheHint, TextSite},
};

/// The response to a [`JsonRpcRequest`](crate::JsonRpcRequest). Clones share the result. It
/// serialises as the JSON-RPC message for the caller.
#[derive(Debug, Clone)]
pub struct JsonRpcResponse {
    to: JsonRpcReplyTo,
    result: Result<Arc<Value>, Box<McpError>>,
    trail: Trail,
}

impl JsonRpcResponse {
    pub(super) fn new(to: JsonRpcReplyTo, result: Result<Arc<Value>, Box<McpError>>) -> Self {
        let mut trail = Trail::new();
        trail.set_public(result.as_ref().is_err_and(|error| error.is_public()));
        Self { to, result, trail }
    }

    /// The id of the request.
    #[must_use]
    pub fn id(&self) -> RequestId<'_> {
        self.to.id.as_ref()
    }

    /// The result or the error.
    ///
    /// # Errors
    /// Returns the error of an error response.
    pub fn result(&self) -> Result<&Value, &McpError> {
        match &self.result {
            Ok(result) => Ok(result),
            Err(error) => Err(error),
        }
    }

    fn value(&self) -> Option<&Value> {
        self.result.as_deref().ok()
    }

    fn value_mut(&mut self) -> Option<&mut Value> {
        self.result.as_mut().ok().map(Arc::make_mut)
    }
}

impl McpResponse for JsonRpcResponse {
    type ReplyTo = JsonRpcReplyTo;

    fn outcome(&self) -> Outcome<'_> {
        match &self.result {
            Ok(result) => json_result::outcome(result),
            Err(error) => Outcome::Protocol {
                code: error.code,
                message: &error.message,
                data: error.data.as_ref(),
            },
        }
    }

    fn from_error(to: JsonRpcReplyTo, error: McpError) -> Self {
        Self::new(to, Err(Box::new(error)))
    }

    fn from_tool_error(to: JsonRpcReplyTo, text: String) -> Self {
        let mut result = json!({
            "content": [{ "type": "text", "text": text }],
            "isError": true,
        });
        if to.modern {
            result["resultType"] = Value::from("complete");
        }
        Self::new(to, Ok(Arc::new(result)))
    }

    fn into_error(self) -> Result<McpError, Self> {
        match self.result {
            Err(error) => Ok(error.with_public(self.trail.is_public())),
            Ok(_) => Err(self),
        }
    }

    fn readdress(self, to: JsonRpcReplyTo) -> Self {
        Self { to, ..self }
    }

    fn trail(&self) -> &Trail {
        &self.trail
    }

    fn trail_mut(&mut self) -> &mut Trail {
        &mut self.trail
    }

    fn visit_listed(&self, visit: &mut dyn FnMut(Listed<'_>)) {
        if let Some(result) = self.value() {
            json_result::visit_listed(result, visit);
        }
    }

    fn retain_listed(&mut self, keep: &mut dyn FnMut(Listed<'_>) -> bool) -> usize {
        // `keep` decides first, on the shared result: a list that stays whole is not copied.
        let (mut before, mut verdicts) = (0, Vec::new());
        self.visit_listed(&mut |entry| match keep(entry) {
            true if verdicts.is_empty() => before += 1,
            stays => verdicts.push(stays),
        });
        if verdicts.is_empty() {
            return 0;
        }
        let mut verdicts = std::iter::repeat_n(true, before).chain(verdicts);
        self.value_mut().map_or(0, |result| {
            json_result::retain_listed(result, &mut |_| verdicts.next().unwrap_or(true))
        })
    }

    fn visit_texts_mut(&mut self, visit: &mut dyn FnMut(TextSite, &mut String)) {
        match &mut self.result {
            Ok(result) => json_result::visit_texts_mut(Arc::make_mut(result), visit),
            Err(error) => {
                let mut message = std::mem::take(&mut error.message).into_owned();
                visit(TextSite::ErrorMessage, &mut message);
                error.message = message.into();
                if let Some(data) = &mut error.data {
                    visit_json_texts(data, &mut |text| visit(TextSite::ErrorData, text));
                }
            }
        }
    }

    fn structured_content_mut(&mut self) -> Option<&mut Value> {
        // Looked for first, because `value_mut` copies a shared result.
        self.value()?.get("structuredContent")?;
        json_result::structured_content_mut(self.value_mut()?)
    }

    fn visit_json_mut(&mut self, visit: &mut dyn FnMut(&mut Value)) {
        if let Some(result) = self.value_mut() {
            json_result::visit_json_mut(result, visit);
        }
    }

    fn task_error(&self) -> Option<McpError> {
        json_result::task_error(self.value()?)
    }

    fn set_task_error(&mut self, error: McpError) -> bool {
        self.task_error().is_some()
            && self
                .value_mut()
                .is_some_and(|result| json_result::set_task_error(result, &error))
    }

    fn task_id(&self) -> Option<&str> {
        json_result::task_id(self.value()?)
    }

    fn request_state(&self) -> Option<&str> {
        match self.outcome() {
            Outcome::InputRequired => self.value()?.get("requestState")?.as_str(),
            _ => None,
        }
    }

    fn next_cursor(&self) -> Option<&str> {
        json_result::next_cursor(self.value()?)
    }

    fn cache_hint(&self) -> CacheHint {
        self.value()
            .map_or_else(CacheHint::default, json_result::cache_hint)
    }

    fn set_cache_hint(&mut self, hint: CacheHint) -> bool {
        self.value_mut()
            .is_some_and(|result| json_result::set_cache_hint(result, hint))
    }

    fn insert_meta(&mut self, key: &str, value: Value) -> bool {
        self.value_mut()
            .is_some_and(|result| json_result::insert_meta(result, key, value))
    }

    fn size_estimate(&self) -> usize {
        const ENVELOPE: usize = 40;
        ENVELOPE
            + match &self.result {
                Ok(result) => json_size(result),
                Err(error) => error.message.len() + error.data.as_ref().map_or(0, json_size),
            }
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        match &self.result {
            Ok(result) => write_serialized(&**result, out),
            Err(error) => write_serialized(&json_result::write_error(error), out),
        }
    }
}

impl StoredResponse for JsonRpcResponse {
    fn from_json(to: JsonRpcReplyTo, _: Method<'_>, json: &[u8]) -> Option<Self> {
        let result = serde_json::from_slice(json).ok()?;
        Some(Self::new(to, Ok(Arc::new(result))))
    }
}

impl Serialize for JsonRpcResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut message = serializer.serialize_struct("JsonRpcResponse", 3)?;
        message.serialize_field("jsonrpc", "2.0")?;
        message.serialize_field("id", &self.to.id)?;
        match &self.result {
            Ok(result) => message.serialize_field("result", &**result)?,
            Err(error) => message.serialize_field("error", &json_result::write_error(error))?,
        }
        message.end()
    }
}
