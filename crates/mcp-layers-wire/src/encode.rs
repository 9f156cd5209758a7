//! Messages made here.

use bytes::Bytes;
use mcp_layers_core::{
    JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, adapter::json_result,
};
use serde_json::{Value, json};

use crate::id::Id;

/// An error for the sender of a message, under the JSON of its id.
pub(crate) fn error(id: &str, error: &McpError) -> Bytes {
    let error = json_result::write_error(error);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{}}}"#, json!(error)).into()
}

/// A response under the JSON of the client's id.
pub(crate) fn response(id: &str, response: &JsonRpcResponse) -> Bytes {
    match response.result() {
        Ok(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#).into(),
        Err(failure) => error(id, failure),
    }
}

/// A request under the JSON of an id.
pub(crate) fn request(id: &str, request: &JsonRpcRequest) -> Bytes {
    let method = Value::from(request.method().as_str());
    match request.params() {
        Value::Null => format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method}}}"#),
        params => format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#),
    }
    .into()
}

/// The notification that a request is cancelled.
pub(crate) fn cancelled(id: &Id) -> Bytes {
    let id = id.to_json();
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"abandoned by a layer"}}}}"#
    )
    .into()
}
