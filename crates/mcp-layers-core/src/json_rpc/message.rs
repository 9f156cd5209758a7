use std::{error::Error, fmt};

use serde_json::{Map, Number, Value};

use crate::{
    JsonRpcRequest, JsonRpcResponse, McpError, McpNotification, Method, code, json_rpc::JsonRpcId,
};

/// A message that a server got, taken apart.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum JsonRpcMessage {
    /// A request: it has a method and an id.
    Request(JsonRpcRequest),
    /// A notification: it has a method and no id. It never gets an answer.
    Notification(JsonRpcNotification),
    /// The answer to a request of the server's own.
    Response(Value),
}

/// A notification as plain JSON-RPC.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct JsonRpcNotification {
    /// The method.
    pub method: String,
    /// The params; [`Value::Null`] without params. The protocol allows only objects; other values are
    /// kept as they are.
    pub params: Value,
}

impl JsonRpcNotification {
    /// A notification; [`Value::Null`] for no params.
    pub fn new(method: impl Into<String>, params: Value) -> Self {
        Self {
            method: method.into(),
            params,
        }
    }
}

impl McpNotification for JsonRpcNotification {
    fn method(&self) -> Method<'_> {
        Method::new(&self.method)
    }

    fn resource_uri(&self) -> Option<&str> {
        match McpNotification::method(self) {
            Method::ResourceUpdated => self.params.get("uri")?.as_str(),
            _ => None,
        }
    }

    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        None
    }
}

/// An invalid message, with the answer that it gets.
#[derive(Debug, Clone, PartialEq)]
pub struct ParseError {
    id: Option<JsonRpcId>,
    error: Box<McpError>,
}

impl ParseError {
    fn new(id: Option<JsonRpcId>, code: i32, message: &'static str) -> Self {
        Self {
            id,
            error: Box::new(McpError::public(code, message)),
        }
    }

    fn no_id(message: &'static str) -> Self {
        Self::new(None, code::INVALID_REQUEST, message)
    }

    /// The error: -32700 or -32600 (JSON-RPC 2.0, section 5.1).
    #[must_use]
    pub fn error(&self) -> &McpError {
        &self.error
    }

    /// The message that answers the broken one. Its id is `null` where none could be read
    /// (JSON-RPC 2.0, section 5).
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::json!({
            "jsonrpc": "2.0",
            "id": self.id,
            "error": { "code": self.error.code, "message": self.error.message },
        })
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for ParseError {}

impl JsonRpcMessage {
    /// Takes a message apart.
    ///
    /// # Errors
    /// -32700 when the bytes are no JSON; -32600 when the JSON is no message: a batch (only
    /// 2025-03-26 had them), a wrong `jsonrpc`, an id that is neither a string nor an integer (`1.0`
    /// is one), params that are neither an object nor `null`. A notification is never refused for its params, because it gets
    /// no answer; they are kept as they are.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let value = serde_json::from_slice(bytes)
            .map_err(|_| ParseError::new(None, code::PARSE_ERROR, "Parse error"))?;
        Self::from_value(value)
    }

    /// Takes a message apart that is JSON already.
    ///
    /// # Errors
    /// -32600, as for [`JsonRpcMessage::parse`].
    pub fn from_value(value: Value) -> Result<Self, ParseError> {
        let Value::Object(mut message) = value else {
            return Err(ParseError::no_id("Message is not an object"));
        };
        // A broken answer is not answered under its own id: its sender could take that for the
        // answer to a request of its own.
        let is_response = !message.contains_key("method")
            && (message.contains_key("result") || message.contains_key("error"));
        let id = id(&message).map(|id| id.filter(|_| !is_response))?;
        let invalid = |text| ParseError::new(id.clone(), code::INVALID_REQUEST, text);
        if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err(invalid("`jsonrpc` is not \"2.0\""));
        }
        let method = match message.remove("method") {
            Some(Value::String(method)) => method,
            Some(_) => return Err(invalid("`method` is not a string")),
            None if is_response => return Ok(Self::Response(Value::Object(message))),
            None => return Err(invalid("`method` is missing")),
        };
        let params = match message.remove("params") {
            // Clients exist that write `null` for no params.
            None | Some(Value::Null) => Value::Null,
            Some(params) if params.is_object() || id.is_none() => params,
            Some(_) => return Err(invalid("`params` is not an object")),
        };
        Ok(match id {
            Some(id) => Self::Request(JsonRpcRequest::new(id, method).with_params(params)),
            None => Self::Notification(JsonRpcNotification::new(method, params)),
        })
    }
}

fn id(message: &Map<String, Value>) -> Result<Option<JsonRpcId>, ParseError> {
    match message.get("id") {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(JsonRpcId::String(text.as_str().into()))),
        Some(Value::Number(number)) => integer(number)
            .map(|number| Some(JsonRpcId::Number(number)))
            .ok_or_else(|| ParseError::no_id("`id` is not an integer of 64 bits")),
        // An error that answers a broken message has no id.
        Some(Value::Null) if message.contains_key("error") => Ok(None),
        Some(_) => Err(ParseError::no_id("`id` is neither a string nor an integer")),
    }
}

/// The integer that a number stands for: `1.0` and `1e2` are integers in the form of a float. From
/// 2^53 on a float no longer tells which integer was sent.
fn integer(number: &Number) -> Option<i64> {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        let exact = float.fract() == 0.0 && float.abs() < MAX_EXACT;
        #[allow(clippy::cast_possible_truncation, reason = "it is below 2^53")]
        exact.then_some(float as i64)
    })
}

impl From<ParseError> for McpError {
    fn from(error: ParseError) -> Self {
        *error.error
    }
}

impl From<&JsonRpcResponse> for Value {
    fn from(response: &JsonRpcResponse) -> Self {
        serde_json::to_value(response).unwrap_or(Self::Null)
    }
}
